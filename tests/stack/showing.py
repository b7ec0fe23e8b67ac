"""What has been proven, a line each."""


def show(claim: str, figure: str) -> None:
    """Print a claim that has just been checked, with what was measured."""
    print(f"{claim}: {figure}", flush=True)
