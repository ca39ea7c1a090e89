"""How fast a lane goes against hidden limits and through refusals."""

from tests.unit.livechat.pacing.test_pace import Limit, at_random, bucket, simulate, sliding, window

SEEDS = range(1, 11)


def main() -> None:
    print("calls/s done of twenty offered, from the first call on: the worst and the middle of ten seeds")
    for share in (0.01, 0.05, 0.2, 0.35, 0.5):
        for retry_after_s in (None, 1.0, 30.0):
            played = [
                simulate(at_random(share, seed=seed), 60, offered=20, retry_after_s=retry_after_s, seed=seed)
                for seed in SEEDS
            ]
            rates = sorted(one.rate(0, 60) for one in played)
            print(f"  {share:4.0%} refused, Retry-After {retry_after_s}: {rates[0]:5.1f} {rates[5]:5.1f}")
    print("a hidden limit: calls/s done in four minutes, and the share refused after the first")
    limits: list[tuple[str, float, float, Limit]] = [
        (f"bucket of {burst:g}", rate, seconds, bucket(rate, burst))
        for rate, burst in ((0.5, 2), (1, 2), (3, 2), (10, 3), (10, 10), (30, 15), (100, 50))
        for seconds in (0.0075, 0.2)
    ]
    for seconds in (1, 10, 60):
        limits.append((f"window of {seconds} s", 10, 0.2, window(10 * seconds, seconds)))
        limits.append((f"sliding {seconds} s", 10, 0.2, sliding(10 * seconds, seconds)))
    for name, rate, latency_s, limit in limits:
        seen = simulate(limit, 240, latency_s=(latency_s / 2, 1.5 * latency_s))
        print(
            f"  {rate:5g}/s, {name}, answers after {latency_s:g} s: {seen.rate(0, 240):6.2f} {seen.share(60):5.1%}"
        )


if __name__ == "__main__":
    main()
