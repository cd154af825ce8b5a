// MountainCar-v0: the equations of src/rl/env/mountain_car.ts.

alias State = vec2f;    // position, velocity
alias Action = u32;     // 0: left, 1: no push, 2: right

const OBSERVED: u32 = 2;

const FORCE = 0.001f;
const GRAVITY = 0.0025f;
const LEFT = -1.2f;
const RIGHT = 0.6f;
const SPEED = 0.07f;
const GOAL = 0.5f;

fn begin(random: ptr<function, Random>) -> State {
  return State(draw(random, -0.6f, -0.4f), 0f);
}

/// The wall on the left stops the car.
fn next(state: State, action: Action, random: ptr<function, Random>) -> Transition {
  let push = (f32(action) - 1f) * FORCE;
  let faster = clamp(state.y + push - GRAVITY * sincos(3f * state.x).y, -SPEED, SPEED);
  let x = clamp(state.x + faster, LEFT, RIGHT);
  let v = select(faster, 0f, x == LEFT && faster < 0f);
  return Transition(State(x, v), -1f, x >= GOAL && v >= 0f);
}

fn observe(state: State, part: u32) -> f32 {
  return state[part];
}
