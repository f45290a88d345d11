package scheduler

import "github.com/riverqueue/river"

// DefaultMaxWorkers is how many jobs of a kind and platform run at once in a process, unless [Config] says otherwise.
const DefaultMaxWorkers = 4

// claimWorkers is how many queues of a kind are claimed from at once.
const claimWorkers = 2

// queues are River's, each with how many of its jobs run at once.
func (s *Scheduler) queues() map[string]river.QueueConfig {
	queues := map[string]river.QueueConfig{}
	for kind := range s.cfg.Every {
		queues[claimQueue(kind)] = river.QueueConfig{MaxWorkers: claimWorkers}
		for _, platform := range s.cfg.Platforms {
			queues[readQueue(kind, platform)] = river.QueueConfig{MaxWorkers: s.cfg.MaxWorkers}
		}
	}
	if s.cfg.Pictures != nil {
		queues[picturesQueue] = river.QueueConfig{MaxWorkers: 1}
	}
	return queues
}
