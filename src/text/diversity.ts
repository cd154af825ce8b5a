// How different texts are from one another: what optimisation against a reward takes away.

/** Distinct-n (Li et al. 2016): of all n-grams of words in the texts, the share that is different; 0 where there is none. */
export function distinctShare(texts: readonly string[], n: number): number {
  const grams = texts.flatMap((text) => {
    const words = text.split(/\s+/).filter(Boolean);
    const count = Math.max(0, words.length - n + 1);
    return Array.from({ length: count }, (_, i) => words.slice(i, i + n).join(' '));
  });
  return grams.length === 0 ? 0 : new Set(grams).size / grams.length;
}
