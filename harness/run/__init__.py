"""Execution: one process per trial, handed out by a forkserver, recorded in an append-only journal."""
