"""What is asked about several steps at once: groups, pairs, curves, cores, Shapley values.

Pure searches and estimators. They know steps by their index and ask one question only:
what becomes of the answer if these steps stay and the others go? Nothing here knows a
model, a text or the harness. What they mean and cost: ``docs/joint.md``.
"""
