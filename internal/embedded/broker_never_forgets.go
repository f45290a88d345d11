package embedded

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// never is a cleaner pause of 31 years in milliseconds. kfake's compaction deletes the segments before it writes the
// new ones: kill -9 in between lost data in 14 of 40 tries, so its timer must never fire.
const never = "1000000000000"

func brokerSettings() map[string]string {
	return map[string]string{
		"log.cleaner.backoff.ms":     never,
		"log.retention.ms":           "-1",
		"log.retention.bytes":        "-1",
		"default.replication.factor": "1",
		"min.insync.replicas":        "1",
		// Ten years of committed group offsets. Not more: kfake multiplies to nanoseconds and would overflow into
		// "everything is expired".
		"offsets.retention.minutes": "5256000",
	}
}

// refuseDeletion answers POLICY_VIOLATION to the requests that would make the log forget: DeleteRecords, and changes
// of broker settings (a shorter cleaner pause would start compaction). Deleting a whole topic stays possible.
func refuseDeletion(cluster *kfake.Cluster) {
	cluster.ControlKey(int16(kmsg.DeleteRecords), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return refuseDeleteRecords(req.(*kmsg.DeleteRecordsRequest)), nil, true
	})
	cluster.ControlKey(int16(kmsg.IncrementalAlterConfigs), func(req kmsg.Request) (_ kmsg.Response, _ error, refused bool) {
		cluster.KeepControl()
		resp := req.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
		resp.Resources, refused = refuseBrokers(req.(*kmsg.IncrementalAlterConfigsRequest).Resources,
			func(r kmsg.IncrementalAlterConfigsRequestResource) (answer kmsg.IncrementalAlterConfigsResponseResource, _ kmsg.ConfigResourceType) {
				answer.ResourceType, answer.ResourceName, answer.ErrorCode = r.ResourceType, r.ResourceName, kerr.PolicyViolation.Code
				return answer, r.ResourceType
			})
		return resp, nil, refused
	})
	cluster.ControlKey(int16(kmsg.AlterConfigs), func(req kmsg.Request) (_ kmsg.Response, _ error, refused bool) {
		cluster.KeepControl()
		resp := req.ResponseKind().(*kmsg.AlterConfigsResponse)
		resp.Resources, refused = refuseBrokers(req.(*kmsg.AlterConfigsRequest).Resources,
			func(r kmsg.AlterConfigsRequestResource) (answer kmsg.AlterConfigsResponseResource, _ kmsg.ConfigResourceType) {
				answer.ResourceType, answer.ResourceName, answer.ErrorCode = r.ResourceType, r.ResourceName, kerr.PolicyViolation.Code
				return answer, r.ResourceType
			})
		return resp, nil, refused
	})
}

// refuseBrokers answers for each resource, and refuses the whole request when one of them is a broker: a control function
// answers all or nothing.
func refuseBrokers[Q, A any](asked []Q, answer func(Q) (A, kmsg.ConfigResourceType)) (answers []A, refused bool) {
	for _, resource := range asked {
		answered, kind := answer(resource)
		answers, refused = append(answers, answered), refused || kind == kmsg.ConfigResourceTypeBroker
	}
	return answers, refused
}

func refuseDeleteRecords(req *kmsg.DeleteRecordsRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.DeleteRecordsResponse)
	for _, rt := range req.Topics {
		topic := kmsg.NewDeleteRecordsResponseTopic()
		topic.Topic = rt.Topic
		for _, rp := range rt.Partitions {
			partition := kmsg.NewDeleteRecordsResponseTopicPartition()
			partition.Partition, partition.LowWatermark, partition.ErrorCode = rp.Partition, -1, kerr.PolicyViolation.Code
			topic.Partitions = append(topic.Partitions, partition)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}
