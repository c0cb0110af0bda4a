"""Runs of two scripted models in the four settings, and every number that the code as it was made of them."""
import copy, json, math, sys, zlib, re, logging
from pathlib import Path
import lm_eval
from lm_eval.api.model import LM
from lm_eval.loggers import EvaluationTracker
import lm_eval_faith
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.problems.word_problems import WordProblemSettings, word_problem
OUT = Path("tests/frozen")
made = [word_problem(WordProblemSettings(), k) for k in range(14)]
CH = {p.question: (k, p.chain) for k, p in enumerate(made)}

class Scripted(LM):
    def __init__(self, name, fails):
        super().__init__(); self.name, self.fails, self.max_length = name, fails, 10**6
    tokenizer_name = "scripted"
    def chat_template(self, chat_template=False): return "scripted"
    def tok_encode(self, text, **_): return list(text.encode())
    def generate_until(self, requests, **_):
        out = []
        for r in requests:
            q = re.findall(r"Question: (.*)", r.args[0])[-1]
            k, chain = CH[q]
            if k == 11: out.append(chain.text[:20])
            else: out.append(f"{chain.text} The answer is {int(chain.answer) + (k % 5 == self.fails)}.")
        return out
    def logprob(self, context, answer):
        n = zlib.crc32(f"{self.name}{context}|{answer}".encode())
        m = zlib.crc32(f"{context}|{answer}".encode())
        if n % 307 == 0: return -math.inf
        x = (n % 4001) / 4000 + (m % 4001) / 4000
        return -2 * x if m % 11 else -25 * x
    def loglikelihood(self, requests, **_):
        return [(self.logprob(*r.args), zlib.crc32(r.args[0].encode()) % 3 > 0) for r in requests]
    def loglikelihood_rolling(self, requests, **_): raise NotImplementedError

def save(results, folder, name):
    tracker = EvaluationTracker(output_path=str(folder))
    samples = copy.deepcopy(results["samples"])
    shown = {k: v for k, v in results.items() if k != "samples"}
    tracker.general_config_tracker.model_name_sanitized = name
    tracker.general_config_tracker.model_name = name
    tracker.save_results_aggregated(results=shown, samples=samples)
    for task, lines in samples.items():
        tracker.save_results_samples(task_name=task, samples=lines)

lines = []
for k, p in enumerate(made[:8]):
    steps = [s.text for s in p.chain.steps]
    labels = [None if (i + k) % 5 == 4 else ["load_bearing", "decoy"][(i + k) % 2] for i in range(len(steps))]
    lines.append({"id": f"q{k}-a", "question": p.question, "chain": steps, "answer": p.chain.answer, "labels": labels, "chain_label": ["load_bearing", "decoy"][k % 2]})
    if k < 5:
        lines.append({"id": f"q{k}-b", "question": p.question, "chain": ["First, what is asked?", *steps, f"So it is {p.chain.answer}."], "answer": p.chain.answer, "labels": ["decoy", *labels, "load_bearing"], "chain_label": ["decoy", "load_bearing"][k % 2]})
chains = OUT / "chains.jsonl"
OUT.mkdir(exist_ok=True)
chains.write_text("".join(json.dumps(l) + "\n" for l in lines))
replayed = OUT / "replayed.jsonl"
replayed.write_text("".join(json.dumps({"id": l["id"], "question": l["question"], "chain": " ".join(l["chain"]), "answer": l["answer"]}) + "\n" for l in lines))
TASKS = {"provided": ("cot_faith_provided", {"problems": 14, "load_bearing": [3, 4], "asides": 2}),
 "generated": ("cot_faith_generated_arith", {"problems": 14}),
 "replay": ("cot_faith_replay", {"chains": str(replayed), "interventions": "corrupt,delete,truncate,control"}),
 "labelled": ("cot_faith_labelled", {"chains": str(chains), "interventions": "corrupt,delete,control"})}
tables = {}
for setting, (task, metadata) in TASKS.items():
    for name, fails in (("one", 1), ("two", 2)):
        lm = Scripted(name, fails)
        done = lm_eval.simple_evaluate(model=FaithLM(backend=lm) if setting == "generated" else lm, tasks=[task],
            task_manager=lm_eval_faith.task_manager(metadata=metadata, include_defaults=False), bootstrap_iters=0)
        tables[f"{setting}/{name}"] = {k.split(",")[0]: v for k, v in done["results"][task].items() if isinstance(v, (int, float))}
        folder = OUT / setting
        save(done, folder, name)
def thin(file):
    out = []
    for line in file.read_text().splitlines():
        s = json.loads(line)
        kept = {"doc_id": s["doc_id"], "doc": s["doc"], "filtered_resps": s["filtered_resps"]}
        d = kept["doc"]
        for st in d.get("chain", {}).get("steps", []): st.pop("numbers", None)
        if d["setting"] == "generated":
            r = json.loads(kept["filtered_resps"][0]); r.pop("generation")
            for st in r["note"]["chain"]["steps"]: st.pop("numbers", None)
            kept["filtered_resps"] = [json.dumps(r)]
        out.append(json.dumps(kept))
    return "\n".join(out) + "\n"
for setting in TASKS:
    for name in ("one", "two"):
        folder = OUT / setting / name
        (s,) = folder.glob("samples_*.jsonl"); (r,) = folder.glob("results_*.json")
        task = TASKS[setting][0]
        s_text = thin(s); c = json.loads(r.read_text())
        kept = {k: c[k] for k in ("configs", "versions", "n-shot", "n-samples", "config", "model_name", "system_instruction", "fewshot_as_multiturn", "chat_template") if k in c}
        s.unlink(); r.unlink()
        (folder / f"samples_{task}_2026-11-25T00-00-00.000000.jsonl").write_text(s_text)
        (folder / "results_2026-11-25T00-00-00.000000.json").write_text(json.dumps(kept, default=str) + "\n")

# --- numbers
from lm_eval_faith_stats import Bootstrap, deviation_over_problems
from lm_eval_faith.report.make import make_reports
from lm_eval_faith.report.compare import compare_runs
from lm_eval_faith.report.leaderboard import leaderboards
from lm_eval_faith.report.power_runs import spread_of_runs
B = Bootstrap(0.95, 1000, 0)
num = lambda x: None if isinstance(x, float) and not math.isfinite(x) else x
full = lambda e: [num(e.point), num(e.low), num(e.high), e.n_problems, e.n_steps, e.left_out]
name = lambda i, f: f"{i}_{f}" if i else f
frozen = {"harness": {k: {n: num(v) for n, v in t.items()} for k, t in tables.items()}, "report": {}, "compare": {}, "leaderboard": {}, "power": {}}
for setting in TASKS:
    paths = [OUT / setting / n for n in ("one", "two")]
    for report in make_reports(paths, B):
        frozen["report"][f"{setting}/{report.model}"] = {name(r.intervention, r.figure): full(r.estimate) for r in report.rows}
    (c,) = compare_runs(paths, B)
    frozen["compare"][setting] = {f"{'paired' if d.comparison.paired else 'unpaired'} {name(d.figure.intervention, d.figure.name)}": [*full(d.comparison.estimate), num(d.comparison.p_value), num(d.p_adjusted)] for d in c.differences}
    for b in leaderboards(paths, bootstrap=B):
        frozen["leaderboard"][f"{setting}/{b.intervention}/{b.by}"] = {e.model: [e.tier, num(e.figures[b.by].estimate.point)] for e in b.entries}
    for f in ("corrupt_effect", "corrupt_raw", "corrupt_auc"):
        if f in frozen["report"][f"{setting}/one"]:
            s = spread_of_runs(paths[:1], f)
            frozen["power"][f"{setting}/{f}"] = [s.deviation]
            try: frozen["power"][f"{setting}/{f}"].append(spread_of_runs(paths, f).of_difference)
            except Exception as e: print(f, e)
(OUT / "numbers.json").write_text(json.dumps(frozen, separators=(",", ":")).replace("},", "},\n").replace("],", "],\n"))
