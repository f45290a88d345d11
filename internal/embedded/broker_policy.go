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

func topicOverrides() map[string]string {
	return map[string]string{
		"retention.ms":        "-1",
		"retention.bytes":     "-1",
		"min.insync.replicas": "1",
	}
}

// refuseDeletion answers POLICY_VIOLATION to the requests that would make the log forget: DeleteRecords, and changes
// of broker settings (a shorter cleaner pause would start compaction). Deleting a whole topic stays possible.
func refuseDeletion(cluster *kfake.Cluster) {
	cluster.ControlKey(int16(kmsg.DeleteRecords), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return refuseDeleteRecords(req.(*kmsg.DeleteRecordsRequest)), nil, true
	})
	cluster.ControlKey(int16(kmsg.IncrementalAlterConfigs), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		resp, refused := refuseIncrementalAlter(req.(*kmsg.IncrementalAlterConfigsRequest))
		return resp, nil, refused
	})
	cluster.ControlKey(int16(kmsg.AlterConfigs), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		resp, refused := refuseAlter(req.(*kmsg.AlterConfigsRequest))
		return resp, nil, refused
	})
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

// refuseIncrementalAlter refuses the whole request when it touches a broker: a control function answers all or nothing.
func refuseIncrementalAlter(req *kmsg.IncrementalAlterConfigsRequest) (kmsg.Response, bool) {
	resp := req.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
	refused := false
	for _, rr := range req.Resources {
		refused = refused || rr.ResourceType == kmsg.ConfigResourceTypeBroker
		answer := kmsg.NewIncrementalAlterConfigsResponseResource()
		answer.ResourceType, answer.ResourceName, answer.ErrorCode = rr.ResourceType, rr.ResourceName, kerr.PolicyViolation.Code
		resp.Resources = append(resp.Resources, answer)
	}
	if !refused {
		return nil, false
	}
	return resp, true
}

func refuseAlter(req *kmsg.AlterConfigsRequest) (kmsg.Response, bool) {
	resp := req.ResponseKind().(*kmsg.AlterConfigsResponse)
	refused := false
	for _, rr := range req.Resources {
		refused = refused || rr.ResourceType == kmsg.ConfigResourceTypeBroker
		answer := kmsg.NewAlterConfigsResponseResource()
		answer.ResourceType, answer.ResourceName, answer.ErrorCode = rr.ResourceType, rr.ResourceName, kerr.PolicyViolation.Code
		resp.Resources = append(resp.Resources, answer)
	}
	if !refused {
		return nil, false
	}
	return resp, true
}
