"""Losses of alignment by TRL's own code in f64, with their gradients, for recipes/kit/align/losses_test.cc.

TRL's trainers compute losses in methods; they are called here on stand-ins that hold the options and on given
log-probabilities. TRL 1.16 has no PPO, no DPO with smoothed labels and rounds ORPO to f32: these are called in 0.11.4,
the last with all of them, in a process of its own. What TRL does not have at all (NPO, the listwise reward loss) is
written from the papers.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch safetensors trl==1.16.0
      /tmp/venv/bin/pip install --no-deps --target /tmp/trl_0_11 trl==0.11.4 tyro==0.8.11 docstring-parser shtab rich
      /tmp/venv/bin/python align.py /tmp/trl_0_11      writes align.safetensors next to this file
Made with torch 2.15.0 (CPU), trl 1.16.0 and 0.11.4, transformers 5.24.0.
"""

import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from types import SimpleNamespace
from unittest.mock import MagicMock

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))
PAIRS, T, ROWS, GROUP = 5, 6, 6, 3
BETA, SMOOTHING, GAMMA, LAMBDA, MARGIN, CENTER = 0.3, 0.1, 0.7, 0.4, 0.2, 0.05
LOW, HIGH, KL, LENGTH = 0.2, 0.28, 0.04, 7
DISCOUNT, GAE_LAMBDA, CLIP, VALUE_CLIP, VALUE_WEIGHT = 0.97, 0.9, 0.2, 0.3, 0.6


def inputs():
    """The same in both processes. Log-probabilities are those of targets; masks of rows begin and end anywhere."""
    g = torch.Generator().manual_seed(11)
    rand = lambda *shape: torch.rand(shape, generator=g)
    x = {"pairs.log_probs": -2 * rand(2 * PAIRS, T) - 0.05, "pairs.reference": -2 * rand(2 * PAIRS, T) - 0.05}
    x["pairs.mask"] = torch.tensor([[0, 1, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0], [1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0],
                                    [1, 1, 1, 1, 1, 1], [0, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 0], [1, 1, 0, 0, 0, 0],
                                    [0, 0, 0, 1, 1, 1], [0, 1, 1, 1, 0, 0]])
    x["rewards.chosen"], x["rewards.rejected"] = 4 * rand(PAIRS) - 2, 4 * rand(PAIRS) - 2
    x["lists.rewards"] = 4 * rand(3, 4) - 2
    x["lists.good"] = torch.tensor([[1, 0, 0, 1], [1, 1, 1, 1], [0, 1, 0, 0]])
    x["policy.log_probs"] = -2 * rand(ROWS, T) - 0.05
    x["policy.old"] = x["policy.log_probs"] + 0.8 * rand(ROWS, T) - 0.4  # ratios on both sides of the clips
    x["policy.reference"] = x["policy.log_probs"] + rand(ROWS, T) - 0.5
    x["policy.mask"] = torch.tensor([[0, 1, 1, 1, 1, 1], [0, 1, 1, 0, 0, 0], [0, 1, 1, 1, 1, 0], [1, 1, 0, 0, 0, 0],
                                     [1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0]])
    x["policy.rewards"] = torch.tensor([1.0, 0.0, 0.25, -1.0, 2.0, 0.5])
    x["policy.values"] = 2 * rand(ROWS, T) - 1
    x["policy.old_values"] = x["policy.values"] + rand(ROWS, T) - 0.5
    return x


def trainer(**options):
    """Stands in for a trainer: its options, and processes that are alone."""
    alone = MagicMock(num_processes=1, device="cpu")
    alone.gather.side_effect = alone.gather_for_metrics.side_effect = lambda v: v
    alone.reduce.side_effect = lambda v, reduction: v
    defaults = dict(accelerator=alone, model=MagicMock(training=True), aux_loss_enabled=False, _total_train_tokens=0,
                    _tp_size=1, _metrics={"train": defaultdict(list)}, current_gradient_accumulation_steps=1)
    return MagicMock(**{**defaults, **options})


def add(out, name, loss, **leaves):
    grads = torch.autograd.grad(loss, list(leaves.values()))
    out[f"{name}.loss"] = loss.detach()
    for leaf, grad in zip(leaves, grads):
        out[f"{name}.grad.{leaf}"] = grad


def sums_and_means(x, log_probs):
    sums = (log_probs * x["pairs.mask"]).sum(1)
    means = sums / x["pairs.mask"].sum(1)
    return [v.chunk(2) for v in (sums, means)]


def preferences(x, out):
    from trl.experimental.cpo.cpo_trainer import CPOTrainer
    from trl.trainer.dpo_trainer import DPOTrainer

    # DPOTrainer looks at targets that are shifted by one.
    mask = F.pad(x["pairs.mask"], (1, 0))
    for kind in ("sigmoid", "ipo"):
        log_probs = x["pairs.log_probs"].clone().requires_grad_()
        masked = log_probs * x["pairs.mask"]
        outputs = SimpleNamespace(log_probs=masked, entropy=masked.detach(), mean_logits=masked.detach(),
                                  is_top1=x["pairs.mask"] > 0)
        reference = (x["pairs.reference"] * x["pairs.mask"]).sum(1).chunk(2)
        self = trainer(precompute_ref_logps=True, f_divergence_type="reverse_kl", loss_types=[kind], loss_weights=[1.0],
                       beta=BETA, ld_alpha=None, use_weighting=False)
        batch = dict(input_ids=mask, attention_mask=torch.ones_like(mask), completion_mask=mask,
                     ref_chosen_logps=reference[0], ref_rejected_logps=reference[1])
        loss = DPOTrainer._compute_loss(self, lambda **_: outputs, batch, False)
        add(out, {"sigmoid": "dpo", "ipo": "ipo"}[kind], loss, log_probs=log_probs)

    log_probs = x["pairs.log_probs"].clone().requires_grad_()
    _, means = sums_and_means(x, log_probs)
    self = trainer(loss_type="simpo", beta=BETA, simpo_gamma=GAMMA, label_smoothing=0.0, alpha=0.0)
    add(out, "simpo", CPOTrainer.cpo_loss(self, *means)[0].mean(), log_probs=log_probs)


def rewards(x, out):
    from trl.trainer.reward_trainer import RewardTrainer

    chosen, rejected = (x[f"rewards.{side}"].clone().requires_grad_() for side in ("chosen", "rejected"))
    self = trainer(args=SimpleNamespace(center_rewards_coefficient=CENTER))
    outputs = SimpleNamespace(logits=torch.cat([chosen, rejected]).unsqueeze(1))
    batch = dict(attention_mask=torch.ones(2), margin=MARGIN)
    add(out, "bradley_terry", RewardTrainer.compute_loss(self, lambda **_: outputs, batch), chosen=chosen,
        rejected=rejected)

    # Qwen2.5-Math, equation 1: for each query the mean over its pairs of a good and a bad answer.
    scores = x["lists.rewards"].clone().requires_grad_()
    total = 0
    for row, good in zip(scores, x["lists.good"]):
        pairs = [(i, j) for i in range(4) for j in range(4) if good[i] and not good[j]]
        for i, j in pairs:
            total = total - torch.log(torch.sigmoid(row[i] - row[j])) / len(pairs)
    add(out, "listwise", total, rewards=scores)


def grpo(x, out):
    from trl.trainer.grpo_trainer import GRPOTrainer
    from trl.trainer.rloo_trainer import RLOOTrainer

    # As in GRPOTrainer._generate_and_score_completions and RLOOTrainer's, which also generate.
    groups = x["policy.rewards"].view(-1, GROUP)
    group_std = groups.std(1).repeat_interleave(GROUP)
    centred = (groups - groups.mean(1, keepdim=True)).view(-1)
    out["advantages.group"] = centred / (group_std + 1e-4)
    out["advantages.batch"] = centred / (x["policy.rewards"].std() + 1e-4)
    out["advantages.leave_one_out"] = (groups - (groups.sum(1, keepdim=True) - groups) / (GROUP - 1)).view(-1)

    mask, ids = x["policy.mask"], torch.zeros(ROWS, T, dtype=torch.long)
    batch = dict(prompt_ids=ids[:, :1], prompt_mask=ids[:, :1], completion_ids=ids, completion_mask=mask,
                 ref_per_token_logps=x["policy.reference"], num_items_in_batch=mask.sum())
    for kind in ("grpo", "dr_grpo", "dapo"):
        log_probs = x["policy.log_probs"].clone().requires_grad_()
        self = trainer(top_entropy_quantile=1.0, off_policy_mask_threshold=None, importance_sampling_level="token",
                       args=SimpleNamespace(use_bias_correction_kl=False, delta=None, steps_per_generation=1), beta=KL,
                       loss_type=kind, epsilon_low=LOW, epsilon_high=HIGH, use_vllm=False, _entropy_bonus_enabled=False,
                       max_completion_length=LENGTH)
        self._get_per_token_logps_and_entropies.side_effect = lambda *_, **__: (log_probs, log_probs.detach(), None)
        of_kind = dict(batch, advantages=out["advantages.group"], old_per_token_logps=x["policy.old"])
        add(out, kind, GRPOTrainer._compute_loss(self, self.model, of_kind), log_probs=log_probs)

    # On-policy: RLOO's ratio is that of whole answers, and equals the product of ours only there.
    log_probs = x["policy.log_probs"].clone().requires_grad_()
    self = trainer(epsilon_low=LOW, epsilon_high=HIGH)
    self._get_per_token_logps_and_entropies.side_effect = lambda *_, **__: (log_probs, log_probs.detach(), None)
    old = (log_probs.detach() * mask).sum(1)
    of_kind = dict(batch, advantages=out["advantages.leave_one_out"], old_logps=old)
    add(out, "rloo", RLOOTrainer._compute_loss(self, self.model, of_kind), log_probs=log_probs)


def npo(x, out):
    """Zhang et al. 2024, equation 3, of the sums of all rows."""
    log_probs = x["pairs.log_probs"].clone().requires_grad_()
    ratio = ((log_probs - x["pairs.reference"]) * x["pairs.mask"]).sum(1).exp()
    add(out, "npo", (2 / BETA * torch.log(1 + ratio**BETA)).mean(), log_probs=log_probs)


def old_trl(x, out):
    """In a process that imports TRL 0.11.4, which misses a name of older transformers and a package."""
    from transformers.models.auto import modeling_auto

    modeling_auto.MODEL_FOR_VISION_2_SEQ_MAPPING_NAMES = {}
    sys.modules["llm_blender"] = MagicMock(__spec__=MagicMock())
    from trl.trainer.dpo_trainer import DPOTrainer
    from trl.trainer.orpo_trainer import ORPOTrainer
    from trl.trainer.ppo_trainer import PPOTrainer
    from trl.trainer.utils import AdaptiveKLController

    reference = sums_and_means(x, x["pairs.reference"])[0]
    for kind, name in (("sigmoid", "smoothed"), ("ipo", "ipo_of_sums")):
        log_probs = x["pairs.log_probs"].clone().requires_grad_()
        sums, _ = sums_and_means(x, log_probs)
        self = trainer(reference_free=False, loss_type=kind, label_smoothing=SMOOTHING, beta=BETA, f_divergence_params=None)
        add(out, name, DPOTrainer.dpo_loss(self, *sums, *reference)[0].mean(), log_probs=log_probs)

    log_probs = x["pairs.log_probs"].clone().requires_grad_()
    _, means = sums_and_means(x, log_probs)
    odds = ORPOTrainer.odds_ratio_loss(trainer(beta=LAMBDA), *means)[0]
    # The first term as in the paper, of means of answers; ORPOTrainer has the mean over all tokens and prompts.
    add(out, "orpo", (-means[0] - odds).mean(), log_probs=log_probs)

    # PPOTrainer has answers that begin in column 0: rows are shifted there and back.
    first = x["policy.mask"].argmax(1)
    shift = (torch.arange(T) + first[:, None]) % T
    back = shift.argsort(1)
    to_left = lambda v: v.gather(1, shift)
    mask = to_left(x["policy.mask"])
    config = SimpleNamespace(kl_penalty="kl", whiten_rewards=False, gamma=DISCOUNT, lam=GAE_LAMBDA, cliprange=CLIP,
                             cliprange_value=VALUE_CLIP, vf_coef=VALUE_WEIGHT, ratio_threshold=10.0)
    self = trainer(config=config, kl_ctl=SimpleNamespace(value=KL))
    self._kl_penalty = lambda *v: PPOTrainer._kl_penalty(self, *v)
    token_rewards, _, _ = PPOTrainer.compute_rewards(self, x["policy.rewards"], to_left(x["policy.old"]),
                                                     to_left(x["policy.reference"]), mask)
    values, advantages, returns = PPOTrainer.compute_advantages(self, to_left(x["policy.old_values"]), token_rewards, mask)
    log_probs, now = (x[f"policy.{name}"].clone().requires_grad_() for name in ("log_probs", "values"))
    policy, value, _ = PPOTrainer.loss(self, to_left(x["policy.old"]), values, torch.zeros(ROWS, T, 2), to_left(now),
                                       to_left(log_probs), mask, advantages, returns)
    add(out, "ppo", policy + value, log_probs=log_probs, values=now)
    for name, v in (("token_rewards", token_rewards), ("advantages", advantages), ("returns", returns)):
        out[f"ppo.{name}"] = (v * mask).gather(1, back)

    controller = AdaptiveKLController(0.1, 6.0, 10000)
    kls, coefficients = [2.0, 6.3, 40.0, 6.0], []
    for kl in kls:
        controller.update(kl, 128)
        coefficients.append(controller.value)
    out["adaptive_kl.kl"], out["adaptive_kl.coefficient"] = torch.tensor(kls), torch.tensor(coefficients)


def main():
    torch.set_default_dtype(torch.float64)
    out = inputs()
    if sys.argv[1] == "--old":
        found = {}
        old_trl(out, found)
        save_file({k: v.contiguous() for k, v in found.items()}, sys.argv[2])
        return
    for family in (preferences, rewards, grpo, npo):
        family(dict(out), out)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "old.safetensors")
        subprocess.run([sys.executable, __file__, "--old", path], check=True,
                       env={**os.environ, "PYTHONPATH": sys.argv[1]})
        out |= load_file(path)
    save_file({k: v.contiguous() for k, v in out.items()}, os.path.join(HERE, "align.safetensors"))
    print(len(out), "tensors")


main()
