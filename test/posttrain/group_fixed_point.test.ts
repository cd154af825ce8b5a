import { expect, test } from 'vitest';
import { enumerable, objective } from '../../src/posttrain/enumerable.ts';
import { restOf } from '../reference/group_fixed_point.ts';

test('x', () => {
  for (const beta of [1, 0.5])
    for (const G of [8, 64, Infinity]) {
      const t = performance.now();
      const pi = restOf({ beta, groupSize: G, advantage: 'standardised', kl: 'k3' });
      console.log(beta, G, objective(enumerable(), pi, beta), performance.now() - t, pi);
    }
  for (const beta of [1, 0.5, 0.1])
    console.log(
      beta,
      objective(
        enumerable(),
        restOf({ beta, groupSize: 8, advantage: 'leaveOneOut', kl: 'k2' }),
        beta,
      ),
    );
});
