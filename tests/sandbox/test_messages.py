from controller.sandbox.messages import Message, MessageRecords, MessageTotals, Mishap

FIRST, SECOND = Message("1", 1.0), Message("2", 1.0)


def test_totals_follow_every_message_to_its_end():
    """Each message counts once, in whatever order threads record its events."""
    records = MessageRecords()
    records.record_started("drain", FIRST, at=103.0)
    records.record_sent("drain", FIRST, at=100.0)
    records.record_done("drain", FIRST)
    records.record_sent("drain", SECOND, at=101.0)

    totals = records.count("drain")

    assert totals == MessageTotals(sent=2, done=1, waits=(3.0,))
    assert totals.undone == 1


def test_a_message_done_again_is_no_second_message():
    """It counts once as done and once as done twice, and its wait ends at the first start."""
    records = MessageRecords()
    records.record_sent("drain", FIRST, at=100.0)
    for at in (101.0, 140.0, 180.0):
        records.record_started("drain", FIRST, at=at)
        records.record_done("drain", FIRST)

    assert records.count() == MessageTotals(sent=1, done=1, done_twice=1, waits=(1.0,))


def test_queues_are_counted_apart_and_together():
    """The totals of a queue leave out the others; without a queue, all are counted."""
    records = MessageRecords()
    records.record_sent("drain", FIRST, at=100.0)
    records.record_sent("single", SECOND, at=100.0)

    assert tuple(records.count(queue).sent for queue in ("drain", "single", None)) == (1, 1, 2)


def test_a_message_is_read_as_it_was_sent():
    """This includes its mishap; any other body is a message with a second of work."""
    for sent in (FIRST, Message("3", 0.5, Mishap.HANGS)):
        assert sent == Message.from_body(sent.to_body(), "sqs-id")

    for foreign in ("hello", "[]", '{"id": "4", "seconds": 1, "mishap": "explodes"}'):
        assert Message("sqs-id", 1.0) == Message.from_body(foreign, "sqs-id")
