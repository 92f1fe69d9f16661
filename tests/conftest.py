"""What holds for all tests: Ctrl-C works in them, also where whoever started them has it ignored (nohup, some CI)."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
