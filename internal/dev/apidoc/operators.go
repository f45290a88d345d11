package apidoc

import "github.com/ledgerboard/ledgerboard/domain"

func ops(summary, text string) about {
	return about{tag: tagOperators, summary: summary, text: text}
}

// act is an operation that takes a reason.
func act(summary, text string) about {
	a := ops(summary, text)
	a.refuses = []domain.Code{domain.CodeConflict, domain.CodeTooLarge, codeUnsupportedMediaType}
	return a
}

// What pausing and resuming refuse, without a record.
const (
	refusesPaused  = "If it is paused already, it is refused (409) and nothing is recorded."
	refusesRunning = "If it is not paused, it is refused (409) and nothing is recorded."
)

// operatorsOperations has every operation of operators by its id.
var operatorsOperations = map[string]about{
	"getOpsProjections": ops("Read models: lag per partition, parked events, what is being made.", ""),
	"postOpsRebuild": act("Rebuilds a read model from the log, next to the one that serves.",
		"The answer has the id under which progress is reported. Readers are switched once the new tables have caught up. "+
			"A second rebuild of the same read model is refused."),
	"postOpsBack":   act("Switches readers back to the generation before, once it has caught up.", ""),
	"postOpsPause":  act("Pauses a read model: it is folded no more and takes no command until it is resumed.", refusesPaused),
	"postOpsResume": act("Resumes a read model.", refusesRunning),
	"postOpsPrepare": act("Makes the tables of this program's version beside those that serve, before an upgrade.",
		"Readers stay where they are. A process of this version with the role projector does it. Where the tables are there already, "+
			"nothing is done, and the answer says so."),
	"getOpsGenerations":     ops("Generations of tables: which one readers use, who folds each, their size.", ""),
	"getOpsRebuilds":        ops("Rebuilds, newest first.", ""),
	"getOpsRebuild":         ops("One rebuild: how far it is, its rate.", ""),
	"postOpsRebuildCancel":  act("Stops a rebuild and drops its tables. What serves stays as it is.", ""),
	"getOpsParked":          ops("Events that are in the log and not folded, with the reason.", ""),
	"postOpsParkedRetryAll": act("Folds all parked events again.", "What cannot be folded stays parked, and is named."),
	"postOpsParkedShow":     act("One parked event with its headers and its payload. That somebody looked is recorded.", ""),
	"postOpsParkedRetry":    act("Folds one parked event again, on dashboards with what waits behind it.", ""),
	"postOpsParkedSkip": act("Leaves one parked event out, one of dashboards for good, and folds what waits behind it.",
		"On dashboards it is a record of the agency's own stream: live tables and every rebuild leave the event out. What is no link of its chain, or only waits "+
			"behind another event, is refused (409). To skip it again does nothing, and the answer says so."),
	"getOpsPauses":          ops("What is paused, since when, by whom and why.", ""),
	"postOpsPlatformPause":  act("Pauses the reading of a platform, the renewal of its tokens included.", refusesPaused),
	"postOpsPlatformResume": act("Resumes the reading of a platform.", refusesRunning),
	"getOpsConnections": ops("How each connected account is read: its state, when its token ends, what it may read, the last reading, the next.",
		"The platforms' names of accounts are not in it: those of profiles are persons'."),
	"postOpsConnectionPause": act("Pauses the reading of a connection's accounts, the renewal of its token included.",
		"It is held within seconds; a reading that has begun comes to its end. "+refusesPaused),
	"postOpsConnectionResume": act("Resumes the reading of a connection's accounts.", refusesRunning),
	"postOpsConnectionRead": act("Makes the accounts of a connection due now.",
		"Their totals are read, and those of their posts that are due by their age, as far as the quota has room. If none of its accounts is "+
			"read, for want of a sign-in or a subscription or because it is paused, it is refused (409) with the reason."),
	"getOpsActions": ops("What operators did, newest first, and what came of it.",
		"Each action is recorded before it is done, and its outcome after it. One without an outcome is under way, or its process ended."),
	"getOpsLog": ops("Topics of the log: partitions, in-sync replicas, offsets, settings.", ""),
	"getOpsRebuildEvents": {
		tag: tagOperators, summary: "The progress of a rebuild, once a second until it ends.", text: "Each event rebuild has the rebuild as its data.",
		answers: streamAnswers, refuses: nil,
	},
}
