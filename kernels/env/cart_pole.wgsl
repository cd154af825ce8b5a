// CartPole-v1: the equations of src/rl/env/cart_pole.ts.

alias State = vec4f;    // position, velocity, angle, angular velocity
alias Action = u32;     // 1: right, else left

const VELOCITIES: bool = true;
const OBSERVED: u32 = select(2u, 4u, VELOCITIES);

const GRAVITY = 9.8f;
const MASS = 1.1f;             // of cart and pole, kg
const POLE = 0.1f;             // kg
const HALF_LENGTH = 0.5f;      // m
const FORCE = 10f;             // N
const STEP_SECONDS = 0.02f;
const FAR = 2.4f;              // m
const TILTED = 0.20943951f;    // 12 degrees

fn begin(random: ptr<function, Random>) -> State {
  let x = draw(random, -0.05f, 0.05f);
  let v = draw(random, -0.05f, 0.05f);
  let theta = draw(random, -0.05f, 0.05f);
  return State(x, v, theta, draw(random, -0.05f, 0.05f));
}

/// Euler's explicit rule, with the acceleration of the state before.
fn next(state: State, action: Action, random: ptr<function, Random>) -> Transition {
  let angle = sincos(state.z);
  let omega = state.w;
  let force = select(-FORCE, FORCE, action == 1u);
  let pull = (force + POLE * HALF_LENGTH * omega * omega * angle.x) / MASS;
  let alpha = (GRAVITY * angle.x - angle.y * pull) /
    (HALF_LENGTH * (4f / 3f - POLE * angle.y * angle.y / MASS));
  let a = pull - POLE * HALF_LENGTH * alpha * angle.y / MASS;
  let after = state + STEP_SECONDS * vec4f(state.y, a, omega, alpha);
  return Transition(after, 1f, abs(after.x) > FAR || abs(after.z) > TILTED);
}

fn observe(state: State, part: u32) -> f32 {
  return state[select(2u * part, part, VELOCITIES)];
}
