"""Counts test cases from Bazel's build event file and the test.xml files it names.

count_results.py EVENTS.json EXIT_CODE_OF_BAZEL_TEST CUDA_BUILD(passed|failed|absent)

A case is one GoogleTest case or one shell test. A target that does not build, crashes or times out without a failing
case of its own counts as one failure; so does a failed build of the CUDA twins. Skipped cases are told apart.
"""
import json
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree


def read_cases(uri):
    """(passed, [failed names], skipped) of one test.xml."""
    passed, failed, skipped = 0, [], 0
    root = ElementTree.parse(urllib.parse.unquote(urllib.parse.urlparse(uri).path)).getroot()
    for case in root.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(".".join(part for part in (case.get("classname"), case.get("name")) if part))
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main():
    events, exit_code, cuda = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    passed, skipped, failures = 0, 0, []
    try:
        with open(events, encoding="utf-8") as lines:
            records = [json.loads(line) for line in lines]
    except (OSError, ValueError) as error:
        records = []
        failures.append("bazel left no record: %s" % error)
    results = {}
    for record in records:
        if "testResult" in record:
            identity = record["id"]["testResult"]
            # Only the last attempt of a shard counts.
            results[identity["label"], identity.get("run"), identity.get("shard")] = record["testResult"]
    failing_cases = {}
    for (label, _, _), result in results.items():
        for output in result.get("testActionOutput", []):
            if output["name"] == "test.xml":
                try:
                    good, bad, aside = read_cases(output["uri"])
                except (OSError, ElementTree.ParseError):
                    continue
                passed, skipped = passed + good, skipped + aside
                failing_cases.setdefault(label, []).extend(bad)
    for label, cases in failing_cases.items():
        failures.extend("%s %s" % (label, case) for case in cases)
    for record in records:
        if "testSummary" in record and record["testSummary"]["overallStatus"] != "PASSED":
            label = record["id"]["testSummary"]["label"]
            if not failing_cases.get(label):
                failures.append("%s %s" % (label, record["testSummary"]["overallStatus"]))
        if "completed" in record and not record["completed"].get("success", False):
            identity = record["id"].get("targetCompleted", {})
            failures.append("%s did not build" % identity.get("label", "?"))
    if exit_code != 0 and not failures:
        failures.append("the test line exited with %d" % exit_code)
    if cuda == "failed":
        failures.append("bazel build --config=cuda //...")
    for failure in failures:
        print("FAILED " + failure)
    print("CUDA twins: %s" % {"passed": "compiled", "failed": "did not compile", "absent": "no nvcc, not compiled"}[cuda])
    if skipped:
        print("%d skipped" % skipped)
    print("%d passed, %d failed" % (passed, len(failures)))
    return 1 if failures else 0


sys.exit(main())
