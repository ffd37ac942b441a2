"""What to run: scenario files, and the workloads, models and data sets that they name."""

WORKLOADS = {
    "private_inference": "scenarios.inference:private_inference",
    "microbench": "scenarios.microbench:microbench",
    "link_probe": "scenarios.link_probe:link_probe",
}
