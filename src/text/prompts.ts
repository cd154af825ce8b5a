// Prompts for questions that a number answers, and the number in what was written: asked directly, with worked examples
// before the question (Brown et al. 2020), and with their chains of thought (Wei et al. 2022) or the words that call for one
// (Kojima et al. 2022).

/** A question with its answer, and how that is found. */
export interface WorkedExample {
  readonly question: string;
  /** Whole sentences. */
  readonly rationale: string;
  readonly answer: number;
}

/** What calls for a chain of thought without an example of one. */
export const STEP_BY_STEP = "Let's think step by step.";

export function zeroShot(question: string): string {
  return `Q: ${question}\nA:`;
}

export function zeroShotChain(question: string): string {
  return `${zeroShot(question)} ${STEP_BY_STEP}`;
}

/** The examples tell their answers only. */
export function fewShot(question: string, examples: readonly WorkedExample[]): string {
  return afterExamples(question, examples, ({ answer }) => answerSentence(answer));
}

/** The examples tell how their answers are found. */
export function fewShotChain(question: string, examples: readonly WorkedExample[]): string {
  return afterExamples(question, examples, reasonedAnswer);
}

export function answerSentence(answer: number): string {
  return `The answer is ${answer}.`;
}

export function reasonedAnswer({ rationale, answer }: WorkedExample): string {
  return `${rationale} ${answerSentence(answer)}`;
}

function afterExamples(
  question: string,
  examples: readonly WorkedExample[],
  answered: (example: WorkedExample) => string,
): string {
  const shown = examples.map((each) => `${zeroShot(each.question)} ${answered(each)}\n\n`);
  return shown.join('') + zeroShot(question);
}

export interface ExtractedAnswer {
  readonly value: number;
  /** Whether the text says that this is the answer; else it is the text's last number. */
  readonly stated: boolean;
}

// A minus belongs to a number where no digit or letter stands before it: not in 20-6, and not in 23 - 20.
const NUMBER = /(?<![\w.])[-\u2212]?\$?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?!\d)(?:\.\d+)?|\.\d+)/g;
/** Up to the end of the sentence; a point inside a number does not end it. */
const STATEMENT = /answer is((?:[^.!?\n]|[.](?=\d))*)/gi;

/**
 * The number after the last "the answer is", of an equation there its right side; where there is none, the last number of
 * all. Thousands' commas, a minus, a dollar sign and units are understood, fractions are not. A further question, which a
 * model may go on to write, does not count. Null for a text without numbers.
 */
export function extractAnswer(text: string): ExtractedAnswer | null {
  const [own] = text.split(/\n\s*Q:/, 1);
  for (const [, statement] of [...own!.matchAll(STATEMENT)].reverse()) {
    const [value] = numbersIn(statement!.slice(statement!.lastIndexOf('=') + 1));
    if (value !== undefined) return { value, stated: true };
  }
  const value = numbersIn(own!).at(-1);
  return value === undefined ? null : { value, stated: false };
}

function numbersIn(text: string): number[] {
  return Array.from(text.matchAll(NUMBER), ([number]) =>
    Number(number.replace('\u2212', '-').replace(/[$,]/g, '')),
  );
}

/** Whether the answer in the text, stated or not, is this one. */
export function answersWith(text: string, answer: number): boolean {
  return extractAnswer(text)?.value === answer;
}

/** The lectures' examples. */
export const ROGER: WorkedExample = {
  question:
    'Roger has 5 tennis balls. He buys 2 more cans of tennis balls. Each can has 3 tennis balls. How many tennis balls does he have now?',
  rationale:
    'Roger started with 5 balls. 2 cans of 3 tennis balls each is 6 tennis balls. 5 + 6 = 11.',
  answer: 11,
};

export const CAFETERIA: WorkedExample = {
  question:
    'The cafeteria had 23 apples. If they used 20 to make lunch and bought 6 more, how many apples do they have?',
  rationale:
    'The cafeteria had 23 apples originally. They used 20 to make lunch. So they had 23 - 20 = 3. They bought 6 more apples, so they have 3 + 6 = 9.',
  answer: 9,
};

export const JANET: WorkedExample = {
  question:
    'While shopping for music online, Janet bought 6 country albums and 2 pop albums. Each album came with a lyric sheet and had 9 songs. How many songs did Janet buy total?',
  rationale:
    'Janet bought 6 country albums and 2 pop albums. That is a total of 8 albums. Each album has 9 songs. So 8 * 9 = 72.',
  answer: 72,
};
