"""The town's tamper-evident log: one RFC 6962 tree, its tiles, checkpoints and proofs (design/evidence.md 3 and 4).

A leaf's life: a use case calls `service.append` and commits; `service.sequence` gives the committed row the next
index and grows the tree; `service.publish` signs the tree that stands; from then on anybody with a proof from
`queries` can see that the record was logged and that the log only ever grew.
"""
