// The built-in grammar: tiny stories in plain English, one per line.
//
//   One day Mia ran to the park. She found an old kite. Ben came by. They saw six shy ducks. "May I have it?" "Yes!"
//   Mia gave Ben the kite. Ben ran home with the old kite.
//
// What a model has to carry along: the pronoun follows from the name; the friend is somebody else; which things
// turn up depends on the place; number and plural agree; and who gives what to whom, and who goes home with it,
// repeats names and things from several sentences before.

import type { Choice, State } from './grammar.ts';

interface Person {
  readonly name: string;
  readonly pronoun: 'She' | 'He';
  readonly weight: number;
}

const PEOPLE: readonly Person[] = [
  { name: 'Mia', pronoun: 'She', weight: 4 },
  { name: 'Lily', pronoun: 'She', weight: 3 },
  { name: 'Ann', pronoun: 'She', weight: 2 },
  { name: 'Rose', pronoun: 'She', weight: 2 },
  { name: 'Ben', pronoun: 'He', weight: 4 },
  { name: 'Tom', pronoun: 'He', weight: 3 },
  { name: 'Max', pronoun: 'He', weight: 2 },
  { name: 'Sam', pronoun: 'He', weight: 2 },
];

const THINGS = [
  'ball',
  'bell',
  'boat',
  'book',
  'cake',
  'cup',
  'doll',
  'drum',
  'egg',
  'hat',
  'kite',
  'shell',
] as const;
type Thing = (typeof THINGS)[number];

/** Each place, with the things that turn up there more often than others. */
const PLACES = {
  park: ['ball', 'kite', 'hat'],
  beach: ['shell', 'boat', 'ball'],
  barn: ['egg', 'bell', 'drum'],
  shop: ['cake', 'cup', 'doll'],
  school: ['book', 'drum', 'bell'],
  garden: ['kite', 'cup', 'egg'],
} as const satisfies Record<string, readonly Thing[]>;
type Place = keyof typeof PLACES;
const COMMON = 5; // weight of a thing at its place, against 1 elsewhere

const OPENINGS = {
  'One day ': 4,
  'Once ': 2,
  'Today ': 2,
  'At noon ': 1,
  'After lunch ': 1,
  'In May ': 1,
};
const WAYS = { 'was at the ': 3, 'ran to the ': 2, 'went to the ': 2, 'sat by the ': 1 };
const FINDS = { 'found ': 3, 'saw ': 2, 'had ': 2, 'got ': 1 };
const ADJECTIVES = { red: 2, big: 2, old: 2, new: 2, blue: 2, tiny: 1, soft: 1, nice: 1 };
const ARRIVALS = { 'came by. ': 3, 'ran up. ': 2, 'said hi. ': 2, 'sat down. ': 1 };
const SIGHTS = { 'They saw ': 3, 'They fed ': 2, 'They met ': 2, 'They drew ': 1 };
const COUNTS = { 'a ': 3, 'two ': 2, 'six ': 2, 'ten ': 1 };
const LOOKS = { wet: 2, fat: 2, shy: 2, sad: 1, mad: 1, gray: 1 };
const ANIMALS = {
  cat: 2,
  dog: 2,
  duck: 2,
  hen: 2,
  pig: 2,
  cow: 2,
  goat: 1,
  frog: 1,
  owl: 1,
  bee: 1,
  bird: 1,
  lamb: 1,
};
const MOST_SIGHTS = 2;

/** A state whose choices depend on nothing but the move and these facts. */
function state(move: string, facts: readonly (string | number)[], choices: () => Choice[]): State {
  return { key: [move, ...facts].join(' '), choices };
}

/** A choice for each word: what it writes, and where it leads. */
function each<Word extends string>(
  words: Readonly<Record<Word, number>>,
  text: (word: Word) => string,
  next: (word: Word) => State | null,
): Choice[] {
  return (Object.keys(words) as Word[]).map((word) => ({
    text: text(word),
    weight: words[word],
    next: next(word),
  }));
}

const same = (word: string) => word;
const article = (adjective: string) => (adjective === 'old' ? 'an' : 'a');

/** Where one story starts. */
export const STORIES: State = state('opening', [], () => each(OPENINGS, same, () => heroEnters()));

const heroEnters = () =>
  state('hero', [], () =>
    PEOPLE.map((hero) => ({ text: `${hero.name} `, weight: hero.weight, next: goesTo(hero) })),
  );

const goesTo = (hero: Person) =>
  state('way', [hero.name], () => each(WAYS, same, () => arrivesAt(hero)));

const arrivesAt = (hero: Person) =>
  state('place', [hero.name], () =>
    (Object.keys(PLACES) as Place[]).map((place) => ({
      text: `${place}. ${hero.pronoun} `,
      weight: 1,
      next: finds(hero, place),
    })),
  );

const finds = (hero: Person, place: Place) =>
  state('find', [hero.name, place], () => each(FINDS, same, () => sees(hero, place)));

const sees = (hero: Person, place: Place) =>
  state('adjective', [hero.name, place], () =>
    each(
      ADJECTIVES,
      (adjective) => `${article(adjective)} ${adjective} `,
      (adjective) => names(hero, place, adjective),
    ),
  );

const names = (hero: Person, place: Place, adjective: string) =>
  state('thing', [hero.name, place, adjective], () =>
    THINGS.map((thing) => ({
      text: `${thing}. `,
      weight: (PLACES[place] as readonly Thing[]).includes(thing) ? COMMON : 1,
      next: friendEnters(hero, `${adjective} ${thing}`),
    })),
  );

// From here on `thing` is the adjective and the noun.

const friendEnters = (hero: Person, thing: string) =>
  state('friend', [hero.name, thing], () =>
    PEOPLE.filter((friend) => friend !== hero).map((friend) => ({
      text: `${friend.name} `,
      weight: friend.weight,
      next: arrives({ hero, friend: friend.name, thing }),
    })),
  );

/** Who meets whom over what. */
interface Scene {
  readonly hero: Person;
  readonly friend: string;
  readonly thing: string;
}

const facts = ({ hero, friend, thing }: Scene) => [hero.name, friend, thing];
const noun = ({ thing }: Scene) => thing.slice(thing.indexOf(' ') + 1);

const arrives = (scene: Scene) =>
  state('arrival', facts(scene), () => each(ARRIVALS, same, () => looksAround(scene, 0)));

/** Another sight, or the question. */
const looksAround = (scene: Scene, sights: number): State =>
  state('question', [...facts(scene), sights], () => [
    ...(sights < MOST_SIGHTS ? each(SIGHTS, same, () => counts(scene, sights + 1)) : []),
    { text: '"May I have it?" ', weight: 2, next: answers(scene) },
    { text: '"Can we share?" ', weight: 1, next: shares(scene) },
    {
      text: `"What ${article(scene.thing.split(' ')[0]!)} ${scene.thing}!" `,
      weight: 1,
      next: answers(scene),
    },
  ]);

const counts = (scene: Scene, sights: number) =>
  state('count', [...facts(scene), sights], () =>
    each(COUNTS, same, (count) => looks(scene, sights, count === 'a ' ? '' : 's')),
  );

const looks = (scene: Scene, sights: number, plural: '' | 's') =>
  state('look', [...facts(scene), sights, plural], () =>
    each(
      LOOKS,
      (look) => `${look} `,
      () => meets(scene, sights, plural),
    ),
  );

const meets = (scene: Scene, sights: number, plural: '' | 's') =>
  state('animal', [...facts(scene), sights, plural], () =>
    each(
      ANIMALS,
      (animal) => `${animal}${plural}. `,
      () => looksAround(scene, sights),
    ),
  );

const answers = (scene: Scene) =>
  state('answer', facts(scene), () => [
    {
      text: `"Yes!" ${scene.hero.name} gave ${scene.friend} the ${noun(scene)}. `,
      weight: 3,
      next: friendHas(scene),
    },
    { text: `"No!" ${scene.hero.name} kept the ${noun(scene)}. `, weight: 2, next: heroHas(scene) },
  ]);

const shares = (scene: Scene) =>
  state('share', facts(scene), () => [
    { text: `"Yes!" They shared the ${noun(scene)}. `, weight: 2, next: bothHave(scene) },
    { text: `"No!" ${scene.hero.name} kept the ${noun(scene)}. `, weight: 1, next: heroHas(scene) },
  ]);

const friendHas = (scene: Scene) =>
  state('friend has it', facts(scene), () => [
    { text: `${scene.friend} was glad.\n`, weight: 2, next: null },
    { text: `${scene.friend} ran home with the ${scene.thing}.\n`, weight: 1, next: null },
  ]);

const heroHas = (scene: Scene) =>
  state('hero has it', facts(scene), () => [
    { text: `${scene.friend} was sad.\n`, weight: 2, next: null },
    { text: `${scene.hero.pronoun} ran home with the ${scene.thing}.\n`, weight: 1, next: null },
  ]);

const bothHave = (scene: Scene) =>
  state('both have it', facts(scene), () => [
    { text: 'Both were glad.\n', weight: 2, next: null },
    { text: `${scene.hero.name} and ${scene.friend} ran home.\n`, weight: 1, next: null },
  ]);
