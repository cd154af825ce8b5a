# PPO on CartPole as CleanRL writes it (ppo.py), in PyTorch on the CPU, asked by lines of JSON on stdin: {start}, {iterate}.
# Environments are one NumPy program over all copies, which is faster than CleanRL's one object each.

import json
import math
import os
import sys
import time

import numpy as np
import torch
from torch import nn



class CartPoles:
    """N copies; an episode that ends begins again within the step."""

    def __init__(self, count, seed):
        self.random = np.random.default_rng(seed)
        self.state = self.begin(count)
        self.length = np.zeros(count, np.int64)

    def begin(self, count):
        return self.random.uniform(-0.05, 0.05, (count, 4))

    def step(self, actions):
        x, v, theta, omega = self.state.T
        sin, cos = np.sin(theta), np.cos(theta)
        pull = (np.where(actions == 1, 10.0, -10.0) + 0.05 * omega * omega * sin) / 1.1
        alpha = (9.8 * sin - cos * pull) / (0.5 * (4 / 3 - 0.1 * cos * cos / 1.1))
        a = pull - 0.05 * alpha * cos / 1.1
        self.state = np.stack([x + 0.02 * v, v + 0.02 * a, theta + 0.02 * omega, omega + 0.02 * alpha], 1)
        self.length += 1
        fallen = (np.abs(self.state[:, 0]) > 2.4) | (np.abs(self.state[:, 2]) > 12 * math.pi / 180)
        over = fallen | (self.length >= 500)
        self.state[over] = self.begin(over.sum())
        self.length[over] = 0
        return self.state.astype(np.float32), np.ones(len(over), np.float32), over.astype(np.float32)


def layer(inputs, outputs, gain=math.sqrt(2)):
    made = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(made.weight, gain)
    nn.init.zeros_(made.bias)
    return made


def mlp(outputs, gain):
    return nn.Sequential(layer(4, 64), nn.Tanh(), layer(64, 64), nn.Tanh(), layer(64, outputs, gain))


class Ppo:
    def __init__(self, o):
        self.o = o
        torch.manual_seed(o["seed"])
        self.actor, self.critic = mlp(2, 0.01), mlp(1, 1.0)
        self.parameters = [*self.actor.parameters(), *self.critic.parameters()]
        self.optimizer = torch.optim.Adam(self.parameters, lr=o["learningRate"], eps=1e-5)
        self.copies = CartPoles(o["copies"], o["seed"])
        self.now = torch.from_numpy(self.copies.state.astype(np.float32))
        self.over = torch.zeros(o["copies"])

    def collect(self):
        T, N = self.o["rolloutSteps"], self.o["copies"]
        seen, actions = torch.zeros(T, N, 4), torch.zeros(T, N, dtype=torch.long)
        log_probs, rewards, ends, values = (torch.zeros(T, N) for _ in range(4))
        with torch.no_grad():
            for t in range(T):
                seen[t], ends[t] = self.now, self.over
                policy = torch.distributions.Categorical(logits=self.actor(self.now))
                actions[t] = policy.sample()
                log_probs[t] = policy.log_prob(actions[t])
                values[t] = self.critic(self.now).flatten()
                now, reward, over = self.copies.step(actions[t].numpy())
                self.now, self.over = torch.from_numpy(now), torch.from_numpy(over)
                rewards[t] = torch.from_numpy(reward)
            following, over = self.critic(self.now).flatten(), self.over
            advantages, last = torch.zeros(T, N), torch.zeros(N)
            for t in reversed(range(T)):
                delta = rewards[t] + self.o["gamma"] * following * (1 - over) - values[t]
                last = delta + self.o["gamma"] * self.o["lambda"] * (1 - over) * last
                advantages[t] = last
                following, over = values[t], ends[t]
        flat = (seen, actions, log_probs, advantages, advantages + values)
        return [x.reshape(T * N, *x.shape[2:]) for x in flat]

    def iterate(self):
        o = self.o
        seen, actions, log_probs, advantages, returns = self.collect()
        size = len(actions) // o["minibatches"]
        for _ in range(o["epochs"]):
            order = torch.randperm(len(actions))
            for at in range(0, len(actions), size):
                ids = order[at : at + size]
                policy = torch.distributions.Categorical(logits=self.actor(seen[ids]))
                ratio = (policy.log_prob(actions[ids]) - log_probs[ids]).exp()
                a = advantages[ids]
                a = (a - a.mean()) / (a.std() + 1e-8)
                clipped = ratio.clamp(1 - o["clip"], 1 + o["clip"])
                value_loss = 0.5 * (self.critic(seen[ids]).flatten() - returns[ids]).square().mean()
                loss = torch.maximum(-a * ratio, -a * clipped).mean()
                loss = loss + o["valueCoef"] * value_loss - o["entropyCoef"] * policy.entropy().mean()
                self.optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.parameters, o["maxGradNorm"])
                self.optimizer.step()
        return float(loss)


agent = None
for line in sys.stdin:
    question = json.loads(line)
    if "start" in question:
        torch.set_num_threads(question["threads"] or os.cpu_count())
        agent = Ppo(question["start"])
        print("{}", flush=True)
    else:
        begin = time.process_time()
        loss = agent.iterate()
        print(json.dumps({"loss": loss, "processorSeconds": time.process_time() - begin}), flush=True)
