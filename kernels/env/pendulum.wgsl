// Pendulum-v1: the equations of src/rl/env/pendulum.ts.

alias State = vec2f;    // angle from upright, angular velocity
alias Action = f32;     // torque, clamped here

const VELOCITIES: bool = true;
const OBSERVED: u32 = select(2u, 3u, VELOCITIES);

const GRAVITY = 10f;             // m/s²; mass and length are 1
const STEP_SECONDS = 0.05f;
const TORQUE = 2f;               // N m
const SPEED = 8f;                // rad/s
const PI = 3.1415927f;

fn begin(random: ptr<function, Random>) -> State {
  let theta = draw(random, -PI, PI);
  return State(theta, draw(random, -1f, 1f));
}

/// Reward -(θ² + 0.1 ω² + 0.001 u²) of the state before, θ in [-π, π). It never ends by itself.
fn next(state: State, action: Action, random: ptr<function, Random>) -> Transition {
  let torque = clamp(action, -TORQUE, TORQUE);
  let theta = turned_back(state.x);
  let omega = state.y;
  let reward = -(theta * theta + 0.1f * omega * omega + 0.001f * torque * torque);
  let alpha = 1.5f * GRAVITY * sincos(state.x).x + 3f * torque;
  let faster = clamp(omega + STEP_SECONDS * alpha, -SPEED, SPEED);
  return Transition(State(state.x + STEP_SECONDS * faster, faster), reward, false);
}

/// The angle less whole turns: 2 π in two parts, as in sincos.
fn turned_back(angle: f32) -> f32 {
  let turns = floor((angle + PI) / (2f * PI));
  return (angle - turns * 6.28125f) - turns * 0.00193530718f;
}

/// cos θ, sin θ, and ω where velocities are seen.
fn observe(state: State, part: u32) -> f32 {
  return vec3f(sincos(state.x).yx, state.y)[part];
}
