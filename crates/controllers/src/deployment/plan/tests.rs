//! Rounds of rollouts, simulated: each step's effect is fed back until nothing is left to do.

use super::*;
use api::Object;
use serde_json::{Value, json};

fn deployment(image: &str, replicas: i32, strategy: Value) -> Deployment {
    let tree = json!({"metadata": {"name": "web", "namespace": "d", "uid": "u", "generation": 1}, "spec": {"replicas": replicas,
        "strategy": strategy, "selector": {"matchLabels": {"app": "web"}}, "progressDeadlineSeconds": 600,
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}]}}}});
    Deployment::decode(tree.to_string().as_bytes()).unwrap()
}

fn rolling() -> Value {
    json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})
}

/// A cluster in miniature: sets whose pods are all available at once, unless their image is bad.
#[derive(Default)]
struct World {
    sets: Vec<Arc<ReplicaSet>>,
    clock: i64,
    log: Vec<String>,
}

impl World {
    fn apply(&mut self, deployment: &mut Deployment, step: Step) {
        match step {
            Step::Create(mut set) => {
                self.clock += 1;
                set.metadata.uid = Some(format!("set{}", self.clock));
                set.metadata.creation_timestamp =
                    Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
                        Timestamp::from_second(self.clock).unwrap(),
                    ));
                self.log.push(format!("new {}", replicas(&set)));
                self.sets.push(Arc::new(settle(*set)));
            }
            Step::Update { set, scaled_from } => {
                let index = self
                    .sets
                    .iter()
                    .position(|other| other.metadata.uid == set.metadata.uid)
                    .unwrap();
                if let Some(from) = scaled_from {
                    self.log.push(format!("{index}:{from}->{}", replicas(&set)));
                }
                self.sets[index] = Arc::new(settle(*set));
            }
            Step::Delete(name) => self
                .sets
                .retain(|set| set.metadata.name.as_deref() != Some(&name)),
            Step::Annotate(changed) => deployment.metadata = changed.metadata,
            Step::Status(changed) => deployment.status = changed.status,
        }
    }

    fn run(&mut self, deployment: &mut Deployment) {
        for _ in 0..50 {
            let facts = Facts {
                deployment,
                sets: &self.sets,
                old_pods: 0,
                now: Timestamp::UNIX_EPOCH,
            };
            let steps = plan(&facts).steps;
            if steps.is_empty() {
                return;
            }
            for step in steps {
                self.apply(deployment, step);
            }
        }
        panic!("the rollout does not come to rest: {:?}", self.log);
    }

    fn sizes(&self) -> Vec<i32> {
        self.sets.iter().map(|set| replicas(set)).collect()
    }
}

fn settle(mut set: ReplicaSet) -> ReplicaSet {
    let size = replicas(&set);
    let image = set
        .spec
        .as_ref()
        .unwrap()
        .template
        .as_ref()
        .unwrap()
        .spec
        .as_ref()
        .unwrap()
        .containers[0]
        .image
        .clone();
    let good = image.as_deref() != Some("bad");
    let status = set.status.get_or_insert_default();
    status.replicas = size;
    status.ready_replicas = Some(if good { size } else { 0 });
    status.available_replicas = status.ready_replicas;
    set
}

fn condition(deployment: &Deployment, kind: &str) -> String {
    let conditions = deployment
        .status
        .as_ref()
        .unwrap()
        .conditions
        .as_ref()
        .unwrap();
    let found = conditions
        .iter()
        .find(|condition| condition.type_ == kind)
        .unwrap();
    format!("{} {}", found.status, found.reason.as_deref().unwrap())
}

fn set_image(deployment: &mut Deployment, image: &str) {
    deployment
        .spec
        .as_mut()
        .unwrap()
        .template
        .spec
        .as_mut()
        .unwrap()
        .containers[0]
        .image = Some(image.to_owned());
}

#[test]
fn creates_updates_and_comes_to_rest() {
    let (mut world, mut web) = (World::default(), deployment("a", 4, rolling()));
    world.run(&mut web);
    assert_eq!(world.log, ["new 4"]);
    assert_eq!(
        condition(&web, "Progressing"),
        "True NewReplicaSetAvailable"
    );
    world.log.clear();
    set_image(&mut web, "b");
    world.run(&mut web);
    assert_eq!(world.sizes(), [0, 4]);
    assert_eq!(world.log[0], "new 1", "a surge of 25% of 4 is one pod");
    assert_eq!(workloads::revision(&web.metadata), 2);
}

#[test]
fn a_bad_image_stops_and_going_back_finds_the_old_set() {
    let (mut world, mut web) = (World::default(), deployment("a", 4, rolling()));
    world.run(&mut web);
    set_image(&mut web, "bad");
    world.run(&mut web);
    assert_eq!(world.sizes(), [3, 2], "availability never falls under 3");
    assert_eq!(
        condition(&web, "Available"),
        "True MinimumReplicasAvailable"
    );
    set_image(&mut web, "a");
    world.run(&mut web);
    assert_eq!(world.sizes(), [4, 0]);
    assert_eq!(workloads::revision(&web.metadata), 3);
    let history =
        world.sets[0].metadata.annotations.as_ref().unwrap()[history::REVISION_HISTORY].clone();
    assert_eq!(history, "1");
}

#[test]
fn recreate_empties_first() {
    let (mut world, mut web) = (
        World::default(),
        deployment("a", 3, json!({"type": "Recreate"})),
    );
    world.run(&mut web);
    set_image(&mut web, "b");
    world.log.clear();
    world.run(&mut web);
    assert_eq!(world.log, ["0:3->0", "new 3"]);
}

#[test]
fn scaling_goes_to_the_only_set_or_in_shares() {
    let (mut world, mut web) = (World::default(), deployment("a", 2, rolling()));
    world.run(&mut web);
    web.spec.as_mut().unwrap().replicas = Some(5);
    world.run(&mut web);
    assert_eq!(world.sizes(), [5]);
    web.spec.as_mut().unwrap().replicas = Some(10);
    world.run(&mut web);
    set_image(&mut web, "bad");
    world.run(&mut web);
    let (old, new) = (world.sizes()[0], world.sizes()[1]);
    web.spec.as_mut().unwrap().replicas = Some(20);
    world.run(&mut web);
    assert!(
        world.sizes()[0] > old && world.sizes()[1] > new,
        "{:?}",
        world.sizes()
    );
}

#[test]
fn history_is_bounded() {
    let (mut world, mut web) = (World::default(), deployment("0", 1, rolling()));
    web.spec.as_mut().unwrap().revision_history_limit = Some(2);
    for image in ["1", "2", "3", "4", "5"] {
        world.run(&mut web);
        set_image(&mut web, image);
    }
    world.run(&mut web);
    assert_eq!(world.sets.len(), 3);
}
