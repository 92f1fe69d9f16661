"""What happens, one file per stage, in the order a complaint travels: load, decide, save. Stages meet in the store."""
