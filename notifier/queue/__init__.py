"""How work is handed out: the queue only wakes the next stage; the store holds the truth."""
