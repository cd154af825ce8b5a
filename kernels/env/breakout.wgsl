// Breakout10x10-v0: the rules of src/rl/env/breakout.ts.

struct State { x: i32, y: i32, dx: i32, dy: i32, paddle: i32, bricks: u32 }   // a bit per brick, row by row
alias Action = u32;     // stay, left, right

const SIZE = 10i;
const LAST = SIZE - 1i;
const CELLS: u32 = 100;
const OBSERVED: u32 = 4u * CELLS;   // planes: paddle, ball, where the ball comes from, bricks

const FIRST_ROW = 1i;   // of the bricks
const BRICK_ROWS = 3i;
const BRICKS = 30u;
const WALL = 0x3fffffffu;           // all of them
const BRICKS_AT: u32 = 3u * CELLS + u32(FIRST_ROW * SIZE);   // in what is seen
const START_ROW = FIRST_ROW + BRICK_ROWS;
const START = 4i;       // of the paddle

fn begin(random: ptr<function, Random>) -> State {
  let right = draw_integer(random, 2u) == 1u;
  let inset = i32(draw_integer(random, 3u));
  return State(select(inset, LAST - inset, right), START_ROW, select(1i, -1i, right), 1i, START, WALL);
}

fn next(state: State, action: Action, random: ptr<function, Random>) -> Transition {
  let paddle = clamp(state.paddle + select(0i, -1i, action == 1u) + select(0i, 1i, action == 2u), 0i, LAST);
  var ahead = flight(state);
  ahead.paddle = paddle;
  // The ball stays for this step, and has turned.
  var turned = ahead;
  turned.x = state.x;
  turned.y = state.y;
  turned.dy = -ahead.dy;

  let hit = brick_at(ahead) & state.bricks;
  if (hit != 0u) {
    turned.bricks = state.bricks & ~hit;
    return Transition(turned, 1f, turned.y == LAST);
  }
  if (ahead.y < LAST) { return Transition(ahead, 0f, false); }
  if (state.bricks == 0u) {
    ahead.bricks = WALL;
    turned.bricks = WALL;
  }
  if (paddle == state.x) { return Transition(turned, 0f, turned.y == LAST); }
  if (paddle == ahead.x) {
    turned.dx = -ahead.dx;
    return Transition(turned, 0f, turned.y == LAST);
  }
  return Transition(ahead, 0f, true);
}

/// One step of the ball, of walls and ceiling alone.
fn flight(state: State) -> State {
  var ahead = state;
  let x = state.x + state.dx;
  let y = state.y + state.dy;
  if (x >= 0i && x <= LAST) { ahead.x = x; } else { ahead.dx = -state.dx; }
  if (y >= 0i) { ahead.y = y; } else { ahead.dy = -state.dy; }
  return ahead;
}

/// The bit of the brick that may stand where the ball is; 0 where none may.
fn brick_at(ball: State) -> u32 {
  let row = ball.y - FIRST_ROW;
  if (row < 0i || row >= BRICK_ROWS) { return 0u; }
  return 1u << u32(row * SIZE + ball.x);
}

/// Without a division or a branch, which CPUs would take once per lane.
fn observe(state: State, part: u32) -> f32 {
  let paddle = LAST * SIZE + state.paddle;
  let ball = state.y * SIZE + state.x;
  let source = clamp(state.y - state.dy, 0i, LAST) * SIZE + clamp(state.x - state.dx, 0i, LAST);
  let brick = part - BRICKS_AT;   // wraps around before the first
  let stands = (brick < BRICKS) & (extractBits(state.bricks, brick & 31u, 1u) == 1u);
  let seen = stands | (part == u32(paddle)) | (part == CELLS + u32(ball)) | (part == 2u * CELLS + u32(source));
  return select(0f, 1f, seen);
}
