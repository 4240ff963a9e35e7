"""Plays many histories and sums them up."""

import concurrent.futures

import disks
import history as histories
import hosts
import sweeps
import trial


def soak(seeds, jobs):
    """Prints what comes of each history, and a last line for all. Gives the exit code. Ctrl-C ends it after those under way."""
    abilities = histories.Abilities(links=hosts.can_make_namespaces(), full_disks=disks.can_mount())
    print(f"disturbs {'links and ' if abilities.links else ''}connections, "
          f"{'fills' if abilities.full_disks else 'does not fill'} disks", flush=True)  # fmt: skip
    catalogue = sweeps.Catalogue()
    try:
        verdicts = _play_all(seeds, jobs, abilities, catalogue)
    finally:
        catalogue.close()
    for seed, verdict in sorted(verdicts.items()):
        if verdict.violations:
            print(f"violations with seed {seed}, logs in {verdict.logs}")
    violations = sum(len(verdict.violations) for verdict in verdicts.values())
    print(f"{len(verdicts)} histories, {violations} violations", flush=True)
    return 1 if violations else 0


def _play_all(seeds, jobs, abilities, catalogue):
    """{seed: verdict} of all that were played to their end."""
    undisturbed = trial.undisturbed_exports(catalogue.files)
    verdicts = {}

    def play(seed):
        history = histories.draw_history(seed, abilities, len(catalogue.files))
        verdicts[seed] = trial.run_trial(history, catalogue.files, undisturbed)
        _report(history, verdicts[seed])

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(play, seed) for seed in seeds]
        try:
            concurrent.futures.wait(futures)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
    return verdicts


def _report(history, verdict):
    faults = " ".join(type(fault).__name__ for fault in history.faults)
    lines = [f"seed {history.seed}: {len(history.submit_at)} sweeps, at most {verdict.most_attempts} attempts, "
             f"{verdict.seconds:.1f} s: {faults}: {len(verdict.violations)} violations"]  # fmt: skip
    if verdict.violations:
        lines += [history.describe(), *(f"  VIOLATION: {violation}" for violation in verdict.violations)]
    print("\n".join(lines), flush=True)
