"""What to run: scenario files, and the workloads, models and data sets that they name."""

WORKLOADS = {
    "private_inference": "scenarios.inference.workload:private_inference",
    "private_training": "scenarios.training.workload:private_training",
    "private_trees": "scenarios.trees.workload:private_trees",
    "local_cost": "scenarios.probes.local_cost:local_cost",
    "microbench": "scenarios.probes.microbench:microbench",
    "link_probe": "scenarios.probes.link_probe:link_probe",
}
