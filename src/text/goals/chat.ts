// Curated conversations -> chatbot: small talk in which what was said before counts.

import type { Message } from '../chat_template.ts';
import { assistant, type Goal, lastOf, NOT_A_QUESTION, oneOf, unless, user } from './goal.ts';

const NAMES = ['Mia', 'Lily', 'Ann', 'Ben', 'Tom', 'Max'];
const ADJECTIVES = ['red', 'big', 'old', 'new', 'blue'];
const THINGS = ['ball', 'boat', 'book', 'drum', 'hat', 'kite'];
const QUESTIONS = ['Who am I?', 'Who is my friend?', 'What do I have?', 'Bye.'];
const UNKNOWN = 'You did not tell me.';

const article = (thing: string) => (thing.startsWith('old') ? 'an' : 'a');

/** What the person has told, the latest of each. */
function toldIn(messages: readonly Message[]) {
  const texts = messages.filter(({ role }) => role === 'user').map(({ content }) => content);
  const latest = (pattern: RegExp) =>
    texts.flatMap((text) => pattern.exec(text)?.[1] ?? []).at(-1) ?? null;
  return {
    name: latest(/^I am (\w+)\.$/),
    friend: latest(/^My friend is (\w+)\.$/),
    thing: latest(/^I have an? (\w+ \w+)\.$/),
  };
}

/** The reply to the last message; null where it is none of these. */
function replyTo(messages: readonly Message[]): string | null {
  const { name, friend, thing } = toldIn(messages);
  const last = lastOf(messages).content;
  if (/^I am \w+\.$/.test(last)) return `Hello, ${name}.`;
  if (/^My friend is \w+\.$/.test(last)) return `Say hello to ${friend}.`;
  if (/^I have an? \w+ \w+\.$/.test(last))
    return `${article(thing!) === 'an' ? 'An' : 'A'} ${thing} is nice.`;
  if (last === 'Who am I?') return name ? `You are ${name}.` : UNKNOWN;
  if (last === 'Who is my friend?') return friend ? `Your friend is ${friend}.` : UNKNOWN;
  if (last === 'What do I have?') return thing ? `You have ${article(thing)} ${thing}.` : UNKNOWN;
  if (last === 'Bye.') return name ? `Bye, ${name}.` : 'Bye.';
  return null;
}

export const chat: Goal = {
  about: 'curated conversations: small talk that remembers what was said',
  draw(random) {
    const messages: Message[] = [];
    const turns = 2 + random.integer(3);
    for (let turn = 0; turn < turns; turn++) {
      const thing = `${oneOf(random, ADJECTIVES)} ${oneOf(random, THINGS)}`;
      const told = [
        `I am ${oneOf(random, NAMES)}.`,
        `My friend is ${oneOf(random, NAMES)}.`,
        `I have ${article(thing)} ${thing}.`,
      ];
      // First they tell, then they ask: now and then what they did not tell.
      messages.push(user(oneOf(random, turn + 1 < turns ? told : QUESTIONS)));
      messages.push(assistant(replyTo(messages)!));
    }
    return messages;
  },
  fault(before, reply) {
    const expected = replyTo(before);
    return expected === null ? NOT_A_QUESTION : unless(reply, expected);
  },
};
