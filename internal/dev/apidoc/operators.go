package apidoc

import "github.com/ledgerboard/ledgerboard/domain"

func ops(summary, text string) about {
	return about{tag: tagOperators, summary: summary, text: text}
}

// act describes an operation that requires a reason.
func act(summary, text string) about {
	a := ops(summary, text)
	a.refuses = []domain.Code{domain.CodeConflict, domain.CodeTooLarge, codeUnsupportedMediaType}
	return a
}

// Conflicts of pausing and resuming, which are not recorded.
const (
	refusesPaused  = "If it is already paused, the response is 409 and nothing is recorded."
	refusesRunning = "If it is not paused, the response is 409 and nothing is recorded."
)

const onMachine = "Only operators on the machine of the service are answered, over its socket; a token is refused with 403."

func exportPerson(summary string) about {
	a := act(summary, onMachine+" The header Export-Summary has the number of rows of each section.")
	a.answers = []answer{{
		status: 200, text: "The file.", media: []string{mediaJSON}, headers: []string{"Content-Disposition", "Export-Summary"},
	}}
	return a
}

// operatorsOperations describes every operation for operators, by id.
var operatorsOperations = map[string]about{
	"getOpsProjections": ops("Lists the read models, with lag per partition, dead letters and generations under construction.", ""),
	"postOpsRebuild": act("Rebuilds a read model from the log while the current tables stay in use.",
		"The response contains the new generation; use its id to follow the progress. Readers switch to the new tables when those have caught up. "+
			"While a generation is being built, another rebuild of the same read model is refused."),
	"postOpsPause":  act("Pauses a read model: until it is resumed, no events are folded and no commands are accepted.", refusesPaused),
	"postOpsResume": act("Resumes a read model.", refusesRunning),
	"postOpsPrepare": act("Builds the tables of this program version before an upgrade, while the current tables stay in use.",
		"Readers do not switch. A process of this version with the role projector builds the tables. If they exist already, "+
			"nothing is done, and the response says so."),
	"getOpsGenerations": ops("Lists the generations of tables, newest first: state, progress of the build, size, who requested them.",
		"The newest 100 generations of a read model are listed."),
	"getOpsGeneration":        ops("Returns a generation with the progress and rate of its build.", ""),
	"postOpsGenerationCancel": act("Cancels the build of a generation and drops its tables. The tables in use do not change.", ""),
	"getOpsDeadLetters":       ops("Lists the dead letters: events in the log that could not be folded, with the reason.", "On dashboards, each stops the stream of its agency."),
	"postOpsDeadLetterShow":   act("Returns a dead letter with its headers and payload. The access is recorded.", ""),
	"postOpsStreamRetry": act("Folds the stream that an event has stopped again from its start.",
		"The response has the event at which the stream has stopped again, if it has. An event that stops no stream is refused with 409."),
	"postOpsEventSkip": act("Skips the event that has stopped a stream permanently, and folds the stream again from its start.",
		"The skip is a record of the agency's own stream, so that the tables of every version leave the event out. An event that stops no stream, or "+
			"that does not fit its hash chain, is refused with 409."),
	"getOpsPauses":          ops("Lists what is paused, since when, by whom and why.", ""),
	"postOpsPlatformPause":  act("Pauses the reading of a platform, including the renewal of its tokens.", refusesPaused),
	"postOpsPlatformResume": act("Resumes the reading of a platform.", refusesRunning),
	"getOpsConnections": ops("Lists the connected accounts: state, token expiry, permissions, last reading and next reading.",
		"The names of personal profiles are omitted, because they are names of people."),
	"getOpsConnection": ops("Returns a connection that can be paused or resumed, also one that reads no account.", ""),
	"postOpsConnectionPause": act("Pauses the reading of a connection's accounts, including the renewal of its token.",
		"The pause takes effect within seconds; a reading that has started is completed. "+refusesPaused),
	"postOpsConnectionResume": act("Resumes the reading of a connection's accounts.", refusesRunning),
	"postOpsConnectionRead": act("Makes the accounts of a connection due for reading now.",
		"As far as the quota permits, the service reads the accounts' totals and the posts that are due because of their age. If none of the "+
			"accounts is read, because a sign-in or a subscription is missing or the connection is paused, the response is 409 with the reason."),
	"getOpsSessions": ops("Lists the sessions in which people are signed in to the console, newest first.",
		"The newest 1,000 sessions are listed. A session has no names of people."),
	"postOpsSessionEnd": act("Ends a session of a person. The person can sign in again.", ""),
	"postOpsSignInUnlink": act("Removes a user's links to identity providers, and ends the user's sessions.",
		"The next sign-in with the user's verified email address links the user again."),
	"postOpsSignInLink":    act("Creates a link that signs a user in to the console once.", onMachine),
	"postOpsSignInSubject": act("Links a user to a subject of the identity provider, who can then sign in as this user.", onMachine),
	"postOpsUserExport":    exportPerson("Returns everything that is stored about a user and the user's members, for that person."),
	"postOpsMemberExport":  exportPerson("Returns everything that is stored about a member and, if the member belongs to a user, about the user."),
	"getOpsActions": ops("Lists the actions of operators and their outcomes, newest first.",
		"Each action is recorded before it runs, and its outcome afterward. An action without an outcome is still running, or its process has terminated."),
	"getOpsLog": ops("Lists the topics of the log, with partitions, in-sync replicas, offsets and settings.", ""),
	"getOpsGenerationEvents": {
		tag: tagOperators, summary: "Streams the progress of a build, once a second, until it ends.", text: "The data of each `generation` event is a Generation object.",
		answers: streamAnswers, refuses: nil,
	},
}
