import { describe, expect, it } from 'vitest';
import {
  drawUseCases,
  INSTRUCTION_MIX,
  inferenceInstruction,
  questionInstruction,
  ratingInstruction,
  storyOpenings,
  type UseCase,
  whereQuestions,
} from '../../src/text/instructions.ts';

describe('H2: existing tasks as instructions, word by word as in the lecture', () => {
  it('inference', () => {
    const premise = 'The banker contacted the professors and the athlete';
    const hypothesis = 'The banker contacted the professors';
    expect(inferenceInstruction(premise, hypothesis)).toBe(
      'Suppose "The banker contacted the professors and the athlete". Can we infer that "The banker contacted the professors"?',
    );
  });

  it('questions about an article', () => {
    const article = 'The Panthers finished the regular season [...]';
    expect(questionInstruction(article, 'what team did the Panthers defeat?')).toBe(
      'Given the article "The Panthers finished the regular season [...]", what team did the Panthers defeat?',
    );
  });

  it('sentiment', () => {
    const review =
      "We came here on a Saturday night and luckily it wasn't as packed as I thought it would be [...]";
    expect(ratingInstruction(review)).toBe(
      "What's the rating of this review on a scale of 1 to 5: We came here on a Saturday night and luckily it wasn't as packed as I thought it would be [...]",
    );
  });
});

describe('H3: the mix of an early instruction interface', () => {
  const percents = Object.values(INSTRUCTION_MIX);

  it('has the percentages of the table, which add up to 99.9', () => {
    expect(percents).toEqual([45.6, 12.4, 11.2, 8.4, 6.6, 4.2, 3.5, 3.5, 2.6, 1.9]);
    expect(percents.reduce((sum, p) => sum + p, 0)).toBeCloseTo(99.9, 10);
  });

  it('is what is drawn, by the seed', () => {
    const draws = drawUseCases(20_000, 1);
    expect(drawUseCases(20_000, 1)).toEqual(draws);
    expect(drawUseCases(20_000, 2)).not.toEqual(draws);
    // χ² with 9 degrees of freedom exceeds 27.9 once in a thousand times.
    const cases = Object.keys(INSTRUCTION_MIX) as UseCase[];
    const chiSquare = cases.reduce((sum, name) => {
      const expected = (20_000 * INSTRUCTION_MIX[name]) / 99.9;
      const found = draws.filter((draw) => draw === name).length;
      return sum + (found - expected) ** 2 / expected;
    }, 0);
    expect(chiSquare).toBeLessThan(27.9);
  });
});

describe('questions about the beginnings of stories', () => {
  it('ask where they take place, and have as many different ones as a seed gives', () => {
    const openings = storyOpenings(3, 500);
    expect(openings).toHaveLength(500);
    const shape = /^[A-Z][A-Za-z ]+ [A-Z][a-z]+ (was at|ran to|went to|sat by) the [a-z]+\.$/;
    expect(openings.filter((opening) => !shape.test(opening))).toEqual([]);
    const asked = whereQuestions(3, 500);
    for (const [i, { prompt, completion }] of asked.entries()) {
      expect(prompt).toBe(`${openings[i]} Where? `);
      expect(openings[i]!.endsWith(` the ${completion.slice('At the '.length)}`)).toBe(true);
    }
    expect(whereQuestions(4, 500)).not.toEqual(asked);
  });
});
