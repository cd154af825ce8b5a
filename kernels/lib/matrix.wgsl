// What the kernels of matrix products share: where the matrices of a batch start, one step of a 4 x 4 tile, and the
// activation that ends a linear layer.

/// The starts of a, b and y in matrix `index` of a batch of up to four axes; a stride of 0 broadcasts.
fn batch_starts(index: u32, shape: vec4u, aStrides: vec4u, bStrides: vec4u, yStrides: vec4u) -> vec3u {
  var rest = index;
  var starts = vec3u();
  for (var axis = 3i; axis >= 0; axis--) {
    let at = rest % shape[axis];
    rest /= shape[axis];
    starts += at * vec3u(aStrides[axis], bStrides[axis], yStrides[axis]);
  }
  return starts;
}

/// tile + column rowᵀ; tile[i] is its row i.
fn rank_one(tile: mat4x4f, column: vec4f, row: vec4f) -> mat4x4f {
  return mat4x4f(
    fma(column.xxxx, row, tile[0]), fma(column.yyyy, row, tile[1]),
    fma(column.zzzz, row, tile[2]), fma(column.wwww, row, tile[3]),
  );
}

/// The rows of a tile moved up by one; the first of the tile below follows.
fn moved_up(tile: mat4x4f, below: mat4x4f) -> mat4x4f {
  return mat4x4f(tile[1], tile[2], tile[3], below[0]);
}

const ACTIVATION_NONE = 0u;
const ACTIVATION_RELU = 1u;
const ACTIVATION_GELU = 2u;        // x Φ(x)
const ACTIVATION_GELU_TANH = 3u;   // x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))
const ACTIVATION_SILU = 4u;        // x σ(x)

/// f(x) for one of the kinds above.
fn activate(kind: u32, x: f32) -> f32 {
  switch kind {
    case ACTIVATION_RELU: { return max(x, 0f); }
    case ACTIVATION_GELU: { return x * normal_cdf(x); }
    case ACTIVATION_GELU_TANH: {
      return 0.5 * x * (1f + tanh_safe(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    }
    case ACTIVATION_SILU: { return x * sigmoid(x); }
    default: { return x; }
  }
}
