package apidoc

import (
	"fmt"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
)

// connectOperations has every operation of connecting by its id.
var connectOperations = map[string]about{
	"postConnect": {
		tag: tagConnecting, summary: "Begins a sign-in at a platform, whose pages are then connected for an account.",
		text: "Open start_url in the browser of the person who signs in, within ten minutes; it works once. The person sees who asks, signs in at the platform, comes " +
			"back, and chooses; nothing is stored before. A client user may ask for its own account, while its dashboard is open to it with the scope connect. " +
			"With social_account, that page or profile is connected again under its id, and a sign-in that does not bring it is refused.",
		refuses: changes,
	},
	"getConnect": {
		tag: tagConnecting, summary: "How far a sign-in came, and what came of it.",
		text: "For whoever may ask for it, also in another browser than the one that signs in. It is known for a day.",
	},
	"getConnectLinks": {
		tag: tagConnecting, summary: "The links by which people without a login connect pages, the newest first.", text: "Their addresses are shown once, when they are made.",
	},
	"postConnectLinks": {
		tag: tagConnecting, summary: "Makes a link by which somebody without a login connects pages for an account.",
		text: fmt.Sprintf("It works in the browser that follows it first, for 1 to %d days, and while whoever made it may connect. That it was made, "+
			"followed and taken back is recorded.", connect.MaxLinkDays), refuses: changes,
	},
	"postConnectLinksRevoke": {
		tag: tagConnecting, summary: "Takes a link back.", text: "Sign-ins that it began go no further. What was connected by it stays.",
	},
	"postPlatformsDisconnect": {
		tag: tagConnecting, summary: "Reads a connected page or profile no more, and keeps its figures.",
		text:    "The person's consent is given back at the platform when nothing of any agency hangs on it any more. Repeating this is harmless.",
		refuses: []domain.Code{domain.CodeConflict},
	},

	"postPlatforms": {
		tag: tagConnecting, summary: "Registers a page or profile whose people a main application signs in itself, or ends that it is read.",
		text: "Repeating it is harmless: a page is known by agency, platform and external_id, and keeps its id. Then hand over the tokens of connection_id. " +
			"With connected false it is read no more, its tokens are deleted, and its figures stay.",
		refuses: append([]domain.Code{domain.CodeNotFound, domain.CodeUnprocessable}, changes...),
	},
	"putConnectionTokens": {
		tag: tagConnecting, summary: "Hands over the tokens of a connection, after a main application has signed the person in.",
		text: "The platform is asked whose they are before anything is stored: tokens that do not read every account of the connection are refused, with the " +
			"platform's ids of those. At Facebook, and for Instagram behind a page, the token of a person brings each page's own; a page's token reads that page. " +
			"They are sealed, take the place of the stored ones as a whole, and are in no answer and no log. Repeating it is harmless, also when they were renewed since.",
		refuses: append([]domain.Code{domain.CodeUnprocessable}, changes...),
	},

	"getConnectStart": browserPage("A page that says who asks for a sign-in and for whom, with a link to the platform.", "The first browser that opens it holds it."),
	"getConnectBack": browserPage("The call-back of a platform: 1 Facebook, 3 Instagram, 4 LinkedIn, 6 TikTok.",
		"It takes code, state and error, ignores all else, and leads to an address without them. A state works once, and only in the browser that holds it."),
	"getConnectChoose": browserPage("A page that offers what the sign-in brought, or says what came of it.", "Only for the browser that holds the sign-in."),
	"postConnectChoose": browserPage("Connects what was chosen on that page.", "The form names pages of the list by page, those that move from another client by move. "+
		"With again it begins another sign-in instead, once one was refused."),
	"getConnectLink":  browserPage("The page of a link.", "Opening it binds nothing."),
	"postConnectLink": browserPage("Follows a link, and begins a sign-in at the platform that the form names.", "From then on the link works in this browser only."),

	"postConnectMetaDeauthorize": {
		tag: tagConnecting, summary: "Meta tells that a person removed our app.",
		text:    metaSigns + "The tokens of that person's consent are deleted, and what was read with them waits for another sign-in.",
		answers: taken, refuses: metaRefusals,
	},
	"postConnectMetaDelete": {
		tag: tagConnecting, summary: "Meta tells that a person wants deleted what we have of them.",
		text:    metaSigns + "The person is erased as by the command erase. The same request is answered with the same code.",
		answers: taken, refuses: metaRefusals,
	},
	"getConnectMetaDelete": browserPage("A page that tells how far a request for deletion came.", "It is known for 90 days after it is done."),
}

var (
	taken        = []answer{{status: 200, text: "Done.", media: []string{mediaJSON}}}
	metaRefusals = []domain.Code{domain.CodeInvalid, domain.CodeTooLarge, domain.CodeUnavailable}
)

const metaSigns = "For Meta alone: the form's signed_request is signed with the secret of our app, and whatever is not is refused alike. Whoever is not known is " +
	"answered as if they were. It exists where such a secret is configured. "

var changes = []domain.Code{domain.CodeConflict, domain.CodeTooLarge, codeUnsupportedMediaType}

// browserPage is an operation that answers a browser.
func browserPage(summary, text string) about {
	const html = "text/html"
	wrong := func(status int, says string) answer { return answer{status: status, text: says, media: []string{html}} }
	return about{
		tag: tagConnecting, summary: summary, text: text,
		answers: []answer{
			{status: 200, text: "A page.", media: []string{html}},
			{status: 303, text: "Leads on."},
			wrong(400, "A page that says what was malformed."),
			wrong(403, "A page that says that another browser holds this, or that the rights have ended."),
			wrong(404, "A page that says that this is unknown or has expired."),
			wrong(409, "A page that says that this was used already."),
			wrong(413, "A page that says that the form is too large."),
			wrong(422, "The page with what was wrong with the choice."),
			wrong(503, "A page that says that the service is not ready."),
		},
	}
}
