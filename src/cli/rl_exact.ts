// shadegrad rl --algo value-iteration | policy-iteration: what is best, computed instead of learned.

import { ConfigError } from '../errors.ts';
import { between } from '../io/config.ts';
import { environmentEntry } from '../rl/registry.ts';
import { EXACT_ALGORITHMS, type ExactAlgorithm, type Solved, solve } from '../rl/tabular/solve.ts';
import { loadSettings } from './settings.ts';

/** What there is for lists. */
export const EXACT_ROWS: Readonly<Record<ExactAlgorithm, { readonly about: string }>> = {
  'value-iteration': { about: "Bellman's equation, applied until the values settle" },
  'policy-iteration': { about: 'linear equations for a policy, then a better one' },
};

export const EXACT_DEFAULTS = { gamma: 0.99 };

interface ExactFlags {
  readonly env?: string;
  readonly set?: string[];
  readonly config?: string;
  readonly json?: boolean;
}

/** What nothing here listens to. */
const TRAINING = ['preset', 'steps', 'seed', 'evalEpisodes', 'out', 'resume'] as const;

export const isExact = (algorithm: string | undefined): algorithm is ExactAlgorithm =>
  EXACT_ALGORITHMS.includes(algorithm as ExactAlgorithm);

export async function solveExactly(algorithm: ExactAlgorithm, flags: ExactFlags): Promise<void> {
  const idle = TRAINING.find((name) => Object.hasOwn(flags, name));
  if (idle !== undefined) {
    const option = idle.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new ConfigError(
      `--${option} is for training; ${algorithm} takes --env, --set gamma and --json`,
    );
  }
  const { env: environment = 'FrozenLake-v1', set = [], config } = flags;
  const checks = { gamma: between(0, 1) };
  const { gamma } = await loadSettings(EXACT_DEFAULTS, {
    set,
    checks,
    ...(config && { file: config }),
  });
  const solved = solve(environment, { algorithm, gamma });
  if (flags.json) console.log(JSON.stringify({ algorithm, environment, gamma, ...solved }));
  else print(environment, gamma, solved);
}

function print(environment: string, gamma: number, solved: Solved): void {
  const { values, best, startValue, evalReturn, iterations, residual } = solved;
  const { about, limit, anchors } = environmentEntry(environment);
  console.log(`environment  ${environment}: ${about}, ${values.length} states`);
  console.log(
    `V*           ${shown(startValue)} where it begins, with gamma ${gamma} and no limit`,
  );
  console.log(
    `return       ${shown(evalReturn!)} within ${limit} steps, not discounted (random ${anchors.random}, optimum ${anchors.optimal})`,
  );
  console.log(
    `settled      after ${iterations} iterations, residual ${residual.toExponential(1)}\n`,
  );
  console.log('state  V*          best actions');
  for (const [state, value] of values.entries())
    console.log(`${String(state).padEnd(7)}${shown(value).padEnd(12)}${best[state]!.join(' ')}`);
}

const shown = (x: number) => x.toFixed(6);
