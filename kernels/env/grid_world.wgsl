// Grid worlds from a text map: the rules of src/rl/env/grid_world.ts. The map is three sets of cells, a bit for each.

alias State = u32;      // cell = row * COLUMNS + column; seen as one of that many, one-hot
alias Action = u32;     // up, down, left, right

const ROWS: u32 = 1;
const COLUMNS: u32 = 2;
const OBSERVED: u32 = ROWS * COLUMNS;
const MAZE: bool = false;                       // reward -1 per step, else 1 at a star

alias Cells = array<u32, (ROWS * COLUMNS + 31u) / 32u>;
const STARTS: Cells = Cells(1u);
const STARS: Cells = Cells(2u);
const BLOCKED: Cells = Cells(0u);
const STARTS_COUNT: u32 = 1;                    // at most 256

fn begin(random: ptr<function, Random>) -> State {
  var left = 0u;                                // starts before the one
  if (STARTS_COUNT > 1u) { left = draw_integer(random, STARTS_COUNT); }
  var cell = 0u;
  for (; cell < OBSERVED; cell++) {
    if (!holds(STARTS, cell)) { continue; }
    if (left == 0u) { break; }
    left--;
  }
  return cell;
}

/// A way that is blocked, or leaves the grid, leads back to the same cell.
fn next(cell: State, action: Action, random: ptr<function, Random>) -> Transition {
  var to = cell;
  if (action == 0u && cell >= COLUMNS) { to = cell - COLUMNS; }
  if (action == 1u && cell + COLUMNS < ROWS * COLUMNS) { to = cell + COLUMNS; }
  if (action == 2u && cell % COLUMNS > 0u) { to = cell - 1u; }
  if (action == 3u && cell % COLUMNS + 1u < COLUMNS) { to = cell + 1u; }
  if (holds(BLOCKED, to)) { to = cell; }
  let out = holds(STARS, to);
  return Transition(to, select(select(0f, 1f, out), -1f, MAZE), out);
}

fn holds(cells: Cells, cell: u32) -> bool {
  return ((cells[cell / 32u] >> (cell % 32u)) & 1u) == 1u;
}

fn observe(cell: State, part: u32) -> f32 {
  return select(0f, 1f, cell == part);
}
