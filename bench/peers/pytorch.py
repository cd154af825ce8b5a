# PyTorch on the CPU, asked by lines of JSON on stdin: {start}, {sample}, {results}. See pytorch.ts.

import json
import math
import os
import sys

import torch
from torch.nn import functional as F

torch.set_num_threads(os.cpu_count())


def attention(q, k, v):
    T = q.shape[-2]
    hidden = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = (q @ k.transpose(-2, -1)) / math.sqrt(q.shape[-1])
    return scores.masked_fill(hidden, -math.inf).softmax(-1) @ v


def rms_norm(x, weight):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * weight


def gae(x, options):
    gamma, decay = options["gamma"], options["gamma"] * options["lambda"]
    delta = x["rewards"] + gamma * x["nextValues"] * (1 - x["terminated"]) - x["values"]
    carried = decay * (1 - torch.maximum(x["terminated"], x["truncated"]))
    advantages = torch.empty_like(delta)
    last = torch.zeros_like(delta[0])
    for t in range(delta.shape[0] - 1, -1, -1):
        last = delta[t] + carried[t] * last
        advantages[t] = last
    return {"advantages": advantages, "returns": advantages + x["values"]}


def ppo_loss(x, options):
    log_probs = x["logits"].log_softmax(-1)
    chosen = log_probs.gather(-1, x["actions"][:, None]).squeeze(-1)
    ratio = (chosen - x["oldLogProbs"]).exp()
    clipped = ratio.clamp(1 - options["clip"], 1 + options["clip"])
    policy = -torch.minimum(ratio * x["advantages"], clipped * x["advantages"]).mean()
    value = 0.5 * (x["values"] - x["returns"]).square().mean()
    entropy = -(log_probs.exp() * log_probs).sum(-1).mean()
    return {"loss": policy + options["valueCoef"] * value - options["entropyCoef"] * entropy}


def matmul(x, options):
    a = x["a"].transpose(-2, -1) if options.get("transposeA") else x["a"]
    b = x["b"].transpose(-2, -1) if options.get("transposeB") else x["b"]
    return {"out": a @ b}


OPS = {
    "matmul": matmul,
    "softmax": lambda x, _: {"out": x["x"].softmax(-1)},
    "logSoftmax": lambda x, _: {"out": x["x"].log_softmax(-1)},
    "layerNorm": lambda x, _: {"out": F.layer_norm(x["x"], x["weight"].shape, x["weight"], x["bias"])},
    "rmsNorm": lambda x, _: {"out": rms_norm(x["x"], x["weight"])},
    "crossEntropy": lambda x, _: {"out": F.cross_entropy(x["logits"], x["targets"])},
    "attention": lambda x, _: {"out": attention(x["q"], x["k"], x["v"])},
    "embedding": lambda x, _: {"out": F.embedding(x["ids"], x["weight"])},
    "gae": gae,
    "ppoLoss": ppo_loss,
}


def op_call(item, x):
    """The op, and the gradients of its first output."""
    forward, wanted = OPS[item["op"]], item["wanted"]
    dy = x.pop("dy", None)
    for name in wanted:
        x[name].requires_grad_()

    def call():
        outputs = forward(x, item["options"])
        if wanted:
            first = next(iter(outputs.values()))
            grads = torch.autograd.grad(first, [x[name] for name in wanted], dy)
            outputs |= {"d" + name: g for name, g in zip(wanted, grads)}
        return outputs

    return call


def adamw_call(item, x):
    o = item["options"]
    parameters = {name: v.requires_grad_() for name, v in x.items() if name.startswith("p")}
    for name, p in parameters.items():
        p.grad = x["g" + name[1:]]
    optimizer = adamw(parameters.values(), o, o["lr"])

    def call():
        optimizer.step()
        return parameters

    return call


def adamw(parameters, o, lr):
    betas = (o["beta1"], o["beta2"])
    return torch.optim.AdamW(parameters, lr, betas, o["eps"], o["weightDecay"])


def rope_tables(T, D):
    angles = torch.arange(T)[:, None] * 10_000 ** (-torch.arange(0, D, 2) / D)
    return angles.cos(), angles.sin()


def transformer(settings, p):
    """The transformer of src/llm/transformer.ts, without dropout."""
    B, T, H, C = (settings[name] for name in ("batch", "context", "heads", "width"))
    cos, sin = rope_tables(T, C // H)

    def linear(x, name):
        return F.linear(x, p[name + ".weight"])

    def norm(x, name):
        return F.layer_norm(x, (C,), p[name + ".weight"])

    def split(x):
        return x.view(B, T, H, C // H).transpose(1, 2)

    def rotated(x):
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def forward(ids):
        h = F.embedding(ids, p["tokens.weight"])
        for i in range(settings["layers"]):
            block = f"blocks.{i}"
            x = norm(h, block + ".attentionNorm")
            q, k, v = (split(part) for part in linear(x, block + ".attention.qkv").chunk(3, -1))
            mixed = attention(rotated(q), rotated(k), v).transpose(1, 2).reshape(B, T, C)
            h = h + linear(mixed, block + ".attention.output")
            up = linear(norm(h, block + ".mlpNorm"), block + ".mlp.up")
            h = h + linear(F.gelu(up), block + ".mlp.down")
        return F.linear(norm(h, "norm"), p["tokens.weight"])

    return forward


def training_call(item, x):
    settings = item["options"]
    ids, targets = x.pop("ids"), x.pop("targets").flatten()
    parameters = {name: v.requires_grad_() for name, v in x.items()}
    forward = transformer(settings, parameters)
    matrices = [v for v in parameters.values() if v.dim() >= 2]
    vectors = [v for v in parameters.values() if v.dim() < 2]
    groups = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = adamw(groups, settings, settings["learningRate"])
    vocabulary = x["tokens.weight"].shape[0]
    losses = []

    def call():
        optimizer.zero_grad()
        loss = F.cross_entropy(forward(ids).flatten(0, 1), targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters.values(), settings["gradClip"])
        optimizer.step()
        losses.append(loss.detach())
        ends = torch.stack([losses[0], losses[-1]])
        return {"losses": ends, "vocabularySize": torch.tensor([float(vocabulary)])}

    return call


def generation_call(item, x):
    """Greedy, with the keys and values so far; the transformer of src/llm/transformer.ts."""
    (H, C, L), (B, P, N) = (item["options"][k] for k in ("heads", "width", "layers")), (item["shape"][k] for k in "BPN")
    prompts = x.pop("prompts")
    cos, sin = rope_tables(P + N, C // H)

    def linear(h, name):
        return F.linear(h, x[name + ".weight"])

    def norm(h, name):
        return F.layer_norm(h, (C,), x[name + ".weight"])

    def next_tokens(ids, cache):
        T = ids.shape[1]
        begin = cache[0][0].shape[2] if cache[0] else 0
        c, s = cos[begin : begin + T], sin[begin : begin + T]

        def rotated(h):
            a, b = h.chunk(2, -1)
            return torch.cat([a * c - b * s, b * c + a * s], -1)

        h = F.embedding(ids, x["tokens.weight"])
        for i in range(L):
            block = f"blocks.{i}"
            packed = linear(norm(h, block + ".attentionNorm"), block + ".attention.qkv")
            q, k, v = (part.view(B, T, H, C // H).transpose(1, 2) for part in packed.chunk(3, -1))
            k = rotated(k)
            if cache[i]:
                k, v = (torch.cat([old, new], 2) for old, new in zip(cache[i], (k, v)))
            cache[i] = (k, v)
            if begin == 0:
                mixed = attention(rotated(q), k, v)
            else:
                mixed = (rotated(q) @ k.transpose(-2, -1) / math.sqrt(C // H)).softmax(-1) @ v
            h = h + linear(mixed.transpose(1, 2).reshape(B, T, C), block + ".attention.output")
            h = h + linear(F.gelu(linear(norm(h, block + ".mlpNorm"), block + ".mlp.up")), block + ".mlp.down")
        return F.linear(norm(h[:, -1:], "norm"), x["tokens.weight"]).argmax(-1)

    @torch.inference_mode()
    def call():
        cache = [None] * L
        drawn = [next_tokens(prompts, cache)]
        while len(drawn) < N:
            drawn.append(next_tokens(drawn[-1], cache))
        return {"ids": torch.cat(drawn, 1)}

    return call


def read(array):
    dtype = torch.int32 if array["dtype"] == "i32" else torch.float32
    with open(array["path"], "rb") as file:
        values = torch.frombuffer(bytearray(file.read()), dtype=dtype)
    # PyTorch's indices are 64 bits wide.
    return (values.long() if dtype == torch.int32 else values).view(array["shape"])


def write(folder, outputs):
    for name, x in outputs.items():
        x.detach().float().contiguous().numpy().tofile(os.path.join(folder, name + ".out"))
    return list(outputs)


CALLS = {"AdamW": adamw_call, "Trainer.step": training_call, "generate": generation_call}

call, outputs = None, {}
for line in sys.stdin:
    question = json.loads(line)
    answer = {}
    if "start" in question:
        item = question["start"]
        x = {array["name"]: read(array) for array in item["arrays"]}
        call = CALLS.get(item["op"], op_call)(item, x)
    elif "sample" in question:
        for _ in range(question["sample"]):
            outputs = call()
    else:
        answer["results"] = write(question["results"], outputs)
    print(json.dumps(answer), flush=True)
