"""The subcommands, one module each: `add` describes it to argparse, `run` does it and returns the exit code.

Light at the top: what a command needs in memory it imports when it runs, because `serve` loads them all.
"""
