package apidoc

import (
	"fmt"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
)

// connectOperations describes every operation for connecting pages and profiles, by id.
var connectOperations = map[string]about{
	"postConnect": {
		tag: tagConnecting, summary: "Starts a sign-in at a platform to connect pages or profiles for an account.",
		text: "Open start_url within ten minutes in the browser of the person who signs in; it works once. The person sees who requests the sign-in, signs in at the " +
			"platform, returns, and chooses what to connect; nothing is stored before that. A client user can start a sign-in for their own account while its dashboard is " +
			"open to them with the scope connect. With social_account, that page or profile is reconnected under its id, and a sign-in that does not include it is refused.",
		refuses: changes,
	},
	"getConnect": {
		tag: tagConnecting, summary: "Returns the progress and the outcome of a sign-in.",
		text: "The result is available for a day to every caller that may start such a sign-in, in any browser.",
	},
	"getConnectLinks": {
		tag: tagConnecting, summary: "Lists the links with which people without a login connect pages, newest first.",
		text: "The URL of a link is returned only when the link is created.",
	},
	"postConnectLinks": {
		tag: tagConnecting, summary: "Creates a link with which a person without a login connects pages for an account.",
		text: fmt.Sprintf("The link works only in the browser that follows it first, for 1 to %d days, and only while its creator may connect pages. "+
			"Creating, following and revoking a link are recorded.", connect.MaxLinkDays), refuses: changes,
	},
	"postConnectLinksRevoke": {
		tag: tagConnecting, summary: "Revokes a link.", text: "Unfinished sign-ins that used the link are canceled. Pages that were connected with it stay connected.",
	},
	"postPlatformsDisconnect": {
		tag: tagConnecting, summary: "Disconnects a page or profile. It is no longer read; its figures are kept.",
		text:    "The service asks the platform to revoke the person's consent if no agency needs it any more. This operation is idempotent.",
		refuses: []domain.Code{domain.CodeConflict},
	},

	"postPlatforms": {
		tag: tagConnecting, summary: "Registers or disconnects a page or profile for which a main application handles the sign-in.",
		text: "This operation is idempotent: a page is identified by agency, platform and external_id, and keeps its id. Next, send the tokens with " +
			"PUT /api/connections/{connection}/tokens, using the connection_id from the response. " +
			"If connected is false, the page is no longer read, its tokens are deleted, and its figures are kept.",
		refuses: append([]domain.Code{domain.CodeNotFound, domain.CodeUnprocessable}, changes...),
	},
	"putConnectionTokens": {
		tag: tagConnecting, summary: "Stores the tokens of a connection after a main application has signed the person in.",
		text: "The service checks the tokens with the platform before it stores them: tokens that cannot read every account of the connection are refused, and the error " +
			"lists the platform's ids of those accounts. For Facebook pages, and for Instagram accounts linked to a page, a person's token also yields the tokens of the " +
			"person's pages; a page's token can read only that page. The tokens are stored encrypted, replace all stored tokens of the connection, and never appear in responses or logs. " +
			"This operation is idempotent, even if the tokens have been renewed since.",
		refuses: append([]domain.Code{domain.CodeUnprocessable}, changes...),
	},

	"getConnectStart": browserPage("Shows who requests a sign-in and for which account, with a link to the platform.",
		"The sign-in is bound to the first browser that opens this page."),
	"getConnectBack": browserPage("Handles the OAuth callback of a platform: 1 Facebook, 3 Instagram, 4 LinkedIn, 6 TikTok.",
		"The operation reads code, state and error, ignores other parameters, and redirects to a URL without them. A state works once, and only in the browser that "+
			"the sign-in is bound to."),
	"getConnectChoose": browserPage("Shows the pages that the sign-in makes available, or its outcome.", "The page works only in the browser that the sign-in is bound to."),
	"postConnectChoose": formPage("Connects the chosen pages.", "The form fields named page contain the pages to connect; those named move contain the pages to move here "+
		"from another client. After a refused sign-in, the form field again starts another sign-in instead.",
		"The page is shown again and describes what is wrong with the selection."),
	"getConnectLink": browserPage(
		"Shows the page of a link.", "Opening the page does not bind the link to a browser.",
	),
	"postConnectLink": formPage("Follows a link and starts a sign-in at the platform that the form names.", "After that, the link works in this browser only.",
		"An error page: the link does not allow this platform."),

	"postConnectMetaDeauthorize": {
		tag: tagConnecting, summary: "Receives Meta's callback when a person removes the app.",
		text:    metaSigns + "The tokens that depend on that person's consent are deleted, and their accounts are not read until a person signs in again.",
		answers: taken, refuses: metaRefusals,
	},
	"postConnectMetaDelete": {
		tag: tagConnecting, summary: "Receives Meta's callback when a person requests the deletion of their data.",
		text:    metaSigns + "The person is erased as with the command erase. A repeated request returns the same code.",
		answers: taken, refuses: metaRefusals,
	},
	"getConnectMetaDelete": browserPage(
		"Shows the progress of a deletion request.", "The page is available for 90 days after the deletion.",
	),
}

var (
	taken        = []answer{{status: 200, text: "Success.", media: []string{mediaJSON}}}
	metaRefusals = []domain.Code{domain.CodeInvalid, domain.CodeTooLarge, domain.CodeUnavailable}
)

const metaSigns = "This operation is for Meta only: the form field signed_request must be signed with the secret of the configured app; every other request gets the same error. " +
	"The response does not reveal whether the person is known. The operation is only available where such a secret is configured. "

var changes = []domain.Code{domain.CodeConflict, domain.CodeTooLarge, codeUnsupportedMediaType}

// browserPage describes an operation that returns an HTML page.
func browserPage(summary, text string) about {
	return about{
		tag: tagConnecting, summary: summary, text: text,
		answers: []answer{
			htmlPage(200, "An HTML page."),
			{status: 303, text: "A redirect to the next page."},
			htmlPage(400, "An error page: the request is malformed."),
			htmlPage(403, "An error page: the sign-in or link is bound to another browser, or the requester no longer has access."),
			htmlPage(404, "An error page: the sign-in or link is unknown or has expired."),
			htmlPage(409, "An error page: the sign-in or link has already been used."),
			htmlPage(413, "An error page: the form is too large."),
			htmlPage(503, "An error page: the service is not ready."),
		},
	}
}

// formPage describes an operation that receives a form. invalid is the text of its 422.
func formPage(summary, text, invalid string) about {
	page := browserPage(summary, text)
	page.answers = append(page.answers, htmlPage(422, invalid))
	return page
}

func htmlPage(status int, text string) answer {
	return answer{status: status, text: text, media: []string{"text/html"}}
}
