"""The pure core: what is known about chats, keywords and offsets, as functions of values.

No clock, no network, no files, no logging, no asyncio: time comes in as an argument. Two halves meet in
`conversation`, and neither knows the other:

    Kafka record ─▶ threads ─▶ partition ─▶ Conversation ─▶ matching ─▶ Decision ─▶ records
                                                               ▲
                                          keyword file ─▶ rules ┘─▶ review

    conversation  what was said in one thread, as the rules see it
    limits        every limit of a partition's state, with its unit and reason
    plurals       how many there are of something, in words
    threads       a record → a fact; facts → the threads of a partition, by id and age, until they expire
    partition     records in, jobs out, and what may be committed: offsets, resume, job queue, shares
    folding       characters and texts, folded so that spellings of a word compare equal
    rules         the keyword language: YAML text → checked rules, or every mistake with its place
    matching      folded text + rules → matches → the decision, its reasons and near misses
    review        before a set is in force: lint, certain cures, and the tests beside each rule; afterwards: the past,
                  compared and counted
    importing     keywords of other products → the text of a keyword file
    diagnosis     what was seen of Kafka, LiveChat and the services → findings, each with what to do
    records       what we write to Kafka and read back: decisions, corrections, parked items, keyword sets

Imports point one way: folding ← rules ← matching ← review ← importing; conversation ← threads ← partition; records last.
Begin with `conversation`; then `threads.facts` and `partition.partition` for what arrives and when it is done,
or `rules.model` and `matching.decide` for which tags it gets.
"""
