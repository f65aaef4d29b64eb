from controller.sandbox.messages import Message, MessageRecords, MessageTotals, Mishap

FIRST, SECOND = Message("1", 1.0), Message("2", 1.0)


def test_totals_follow_every_message_to_its_end():
    """Sent, done and waits are counted once a message, whatever the order in which threads report."""
    records = MessageRecords()
    records.started("drain", FIRST, at=103.0)
    records.sent("drain", FIRST, at=100.0)
    records.done("drain", FIRST)
    records.sent("drain", SECOND, at=101.0)

    totals = records.totals("drain")

    assert totals == MessageTotals(sent=2, done=1, waits=(3.0,))
    assert totals.undone == 1


def test_a_message_done_again_is_no_second_message():
    """A redelivered message counts as done once and as done twice once; its wait ends at the first start."""
    records = MessageRecords()
    records.sent("drain", FIRST, at=100.0)
    for at in (101.0, 140.0, 180.0):
        records.started("drain", FIRST, at=at)
        records.done("drain", FIRST)

    assert records.totals() == MessageTotals(sent=1, done=1, done_twice=1, waits=(1.0,))


def test_queues_are_counted_apart_and_together():
    """A queue's totals leave the others out; without a queue all are counted."""
    records = MessageRecords()
    records.sent("drain", FIRST, at=100.0)
    records.sent("single", SECOND, at=100.0)

    assert tuple(records.totals(queue).sent for queue in ("drain", "single", None)) == (1, 1, 2)


def test_a_message_is_read_as_it_was_sent():
    """Its mishap included, if it has one; what somebody else put into the queue is a second's work."""
    for sent in (FIRST, Message("3", 0.5, Mishap.HANGS)):
        assert sent == Message.read(sent.body(), "sqs-id")

    for foreign in ("hello", "[]", '{"id": "4", "seconds": 1, "mishap": "explodes"}'):
        assert Message("sqs-id", 1.0) == Message.read(foreign, "sqs-id")
