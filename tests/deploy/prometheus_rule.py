"""deploy/prometheus/rules.yml for the Prometheus Operator: the same rules, inside a PrometheusRule.

    python -m tests.deploy.prometheus_rule

rewrites deploy/kubernetes/monitoring/rules.yaml; `test_kubernetes.py` says when that is due.
"""

import textwrap
from pathlib import Path
from typing import Final

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
MANIFEST: Final = DEPLOY / "kubernetes/monitoring/rules.yaml"
HEAD: Final = """\
# Made from deploy/prometheus/rules.yml by `python -m tests.deploy.prometheus_rule`: change that file.
#
# Links to the runbook need the external label `runbooks` of the Prometheus object (spec.externalLabels): where your copy of
# the folder deploy/ can be read, as https://git.example.com/livechat-tagger/blob/main/deploy.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: livechat-tagger
spec:
"""


def manifest() -> str:
    """The manifest's text."""
    rules = (DEPLOY / "prometheus/rules.yml").read_text("utf-8")
    return HEAD + textwrap.indent(rules[rules.index("groups:") :], "  ")


if __name__ == "__main__":
    MANIFEST.write_text(manifest(), "utf-8")
