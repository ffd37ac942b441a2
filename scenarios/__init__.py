"""What to run: scenario files, and the workloads, models and data sets that they name."""

WORKLOADS = {
    "private_inference": "scenarios.inference:private_inference",
    "private_training": "scenarios.training:private_training",
    "local_cost": "scenarios.local_cost:local_cost",
    "microbench": "scenarios.microbench:microbench",
    "link_probe": "scenarios.link_probe:link_probe",
}
