"""Slow reference of the TITN forward pass, to be read beside the paper (3.1, 3.2, algorithm 1).

One image, NumPy float64, one loop per thing the paper counts: layers, patches, pixel squares,
tokens, heads. A token is always one vector; a list of tokens is an array (tokens, width).
Sizes: P patch side, m pixel-square side, n patches, p squares per patch, d and D the widths of
the inner and outer tokens. Where the paper says nothing the docstring says "not in the paper".
"""

import numpy as np
from scipy.special import erf


def weights_below(weights, prefix):
    """The weights whose name starts with `prefix`, with the prefix cut off (not in the paper)."""
    return {k[len(prefix) :]: v for k, v in weights.items() if k.startswith(prefix)}


def linear(x, w, name):
    """FC of one vector, equation (5), a matrix product, weight (out, in); qkv may have no bias."""
    weight = w[name + ".weight"]
    assert x.shape == weight.shape[1:], f"{name}: {x.shape} into {weight.shape}"
    y = weight @ x
    return y if name == "qkv" and "qkv.bias" not in w else y + w[name + ".bias"]


def layer_norm(x, w, name, eps):
    """LN of one vector, equation (6); delta is the biased deviation, with eps under its root."""
    weight, bias = w[name + ".weight"], w[name + ".bias"]
    assert x.shape == weight.shape == bias.shape, f"{name}: {x.shape} under {weight.shape}"
    mu = x.sum() / len(x)
    delta = np.sqrt(((x - mu) ** 2).sum() / len(x) + eps)
    return (x - mu) / delta * weight + bias


def gelu(x):
    """The sigma of equation (4): the exact GELU, x times the normal distribution function."""
    return x * 0.5 * (1.0 + erf(x / np.sqrt(2.0)))


def softmax(scores):
    """The softmax of equation (1) over one row of scores, shifted so that exp cannot overflow."""
    e = np.exp(scores - scores.max())
    return e / e.sum()


def attention(q, k, v):
    """Scaled dot-product attention of one head, equation (1), one query token at a time."""
    out = np.zeros_like(v)
    for i in range(len(q)):
        scores = np.array([q[i] @ k[j] / np.sqrt(k.shape[1]) for j in range(len(k))])
        share = softmax(scores)
        for j in range(len(v)):
            out[i] += share[j] * v[j]
    return out


def multi_head(x, w, heads):
    """Multi-head self-attention over tokens x, equations (2) and (3): Concat(heads) W^O."""
    qkv = np.array([linear(token, w, "qkv") for token in x])
    width = qkv.shape[1] // 3
    size = width // heads
    assert size * heads * 3 == qkv.shape[1], f"{heads} heads do not divide {qkv.shape[1]} / 3"
    outputs = []
    for head in range(heads):
        at = head * size
        q = qkv[:, at : at + size]
        k = qkv[:, width + at : width + at + size]
        v = qkv[:, 2 * width + at : 2 * width + at + size]
        outputs.append(attention(q, k, v))
    joined = np.concatenate(outputs, axis=1)
    return np.array([linear(token, w, "proj") for token in joined])


def mlp(x, w):
    """MLP of one token, equation (4): FC, GELU, FC."""
    return linear(gelu(linear(x, w, "fc1")), w, "fc2")


def block(x, w, heads, eps):
    """One transformer block, figure 1; the LN before each half (pre-norm) is not in the paper."""
    normed = np.array([layer_norm(token, w, "norm1", eps) for token in x])
    x = x + multi_head(normed, weights_below(w, "attn."), heads)
    out = np.zeros_like(x)
    for i in range(len(x)):
        out[i] = x[i] + mlp(layer_norm(x[i], w, "norm2", eps), weights_below(w, "mlp."))
    return out


def normalise(image, mean, std):
    """Section 3.4: each channel less its mean, over its deviation."""
    assert len(image) == mean.size == std.size
    mean, std = mean.reshape(-1), std.reshape(-1)
    return np.array([(image[c] - mean[c]) / std[c] for c in range(len(image))])


def split_into_squares(area, side):
    """Section 3.2: the squares of `side` in an area (c, h, w), row by row, each (c, side, side)."""
    _, height, width = area.shape
    assert (height % side, width % side) == (0, 0), f"side {side} does not divide {area.shape}"
    squares = []
    for top in range(0, height, side):
        for left in range(0, width, side):
            squares.append(area[:, top : top + side, left : left + side])
    return squares


def split_into_patches(image, patch_size):
    """The input p_1 .. p_n of algorithm 1: the n patches of the image, each (c, P, P)."""
    return split_into_squares(image, patch_size)


def split_into_pixels(patch, pixel_size):
    """Section 3.2: the p squares of a patch, each a vector in (channel, row, column) order."""
    vectors = []
    for square in split_into_squares(patch, pixel_size):
        channels, rows, columns = square.shape
        vector = []
        for c in range(channels):
            for i in range(rows):
                for j in range(columns):
                    vector.append(square[c, i, j])
        vectors.append(np.array(vector))
    return vectors


def embed_pixels(patch, w, pixel_size):
    """Algorithm 1 line 2, LinearProjection, of one patch, with its pixels' positions added."""
    vectors = split_into_pixels(patch, pixel_size)
    assert len(vectors) == len(w["pixel_pos"]), f"{len(vectors)} pixels in a patch"
    pairs = zip(vectors, w["pixel_pos"], strict=True)
    return np.array([linear(vector, w, "pixel_embed") + position for vector, position in pairs])


def patch_residual(pixels, w, eps):
    """Section 3.2, 'rearranged and linearly scaled': a patch's p pixels (p, d) to one D vector."""
    normed = [layer_norm(pixel, w, "residual_norm", eps) for pixel in pixels]
    return linear(np.concatenate(normed), w, "residual")


def inner(pixels, layer, inner_depth, heads, eps):
    """Line 4 of algorithm 1 on one patch's pixels; more than one block is not in the paper."""
    pixels = block(pixels, weights_below(layer, "inner."), heads, eps)
    for k in range(inner_depth - 1):
        pixels = block(pixels, weights_below(layer, f"further_inner.{k}."), heads, eps)
    return pixels


def forward(
    weights, image, *, patch_size, pixel_size, depth, inner_depth, inner_heads, outer_heads, eps
) -> tuple[np.ndarray, np.ndarray]:
    """Algorithm 1 on one image (c, h, w), its lines 3 to 7 stacked `depth` times (section 3.2)."""
    w = {name: np.asarray(value, dtype=np.float64) for name, value in weights.items()}
    distilled = "head_dist.weight" in w
    image = np.asarray(image, dtype=np.float64)
    image = normalise(image, w["normalise.mean"], w["normalise.std"])
    patches = split_into_patches(image, patch_size)
    n = len(patches)
    pixels = [embed_pixels(patch, w, pixel_size) for patch in patches]  # line 2
    tokens = w["tokens"] + w["token_pos"]  # section 3.2: class, n patches, distillation
    assert w["tokens"].shape == w["token_pos"].shape
    assert len(tokens) == (n + 2 if distilled else n + 1), f"{len(tokens)} tokens, {n} patches"
    for i in range(depth):
        layer = weights_below(w, f"layers.{i}.")
        residuals = np.zeros_like(tokens)  # section 3.2: first and last rows stay zero
        for j in range(n):  # lines 3 to 6
            pixels[j] = inner(pixels[j], layer, inner_depth, inner_heads, eps)
            residuals[1 + j] = patch_residual(pixels[j], layer, eps)
        tokens = tokens + residuals
        tokens = block(tokens, weights_below(layer, "outer."), outer_heads, eps)  # line 7
    y_class = linear(layer_norm(tokens[0], w, "norm", eps), w, "head")  # line 8
    if not distilled:
        return y_class, y_class
    return y_class, linear(layer_norm(tokens[-1], w, "norm", eps), w, "head_dist")  # line 9
