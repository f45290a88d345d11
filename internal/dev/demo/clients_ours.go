package demo

import _ "embed" // the logo

// The people and companies of the world. All of them are invented; addresses are of example.com and
// example.org, telephone numbers of the range kept for fiction.

type personPlan struct {
	name     string
	role     string
	owner    bool
	inactive bool
	reset    bool // a password reset is pending
	noLogin  bool // never signed in
}

type clientPlan struct {
	name    string
	trade   string // what its posts are about
	address string
	users   []personPlan
	orders  []orderPlan
	plan    string // of the subscription
	price   int64  // minor units a month; 0: not known
	lapsed  bool   // the subscription ended in the middle of the history
	renewed bool   // another subscription came before this one
	// channels of the foreign agency's clients; ours follow a pattern (see newAgency)
	channels []channelPlan
}

type orderPlan struct {
	product  string
	assigned []int // of the agency's staff
}

type agencyPlan struct {
	name, domain string // the e-mail domain too
	address      string
	customDomain string
	colour       string
	logo         []byte // PNG
	row          int64  // row id; clients follow
	base         int64  // of the numeric ids
	currency     string
	staff        []personPlan
	clients      []clientPlan
}

// The products of orders. site and listings are managed subscriptions that make no points of
// contact; a logo shows no person.
const (
	productSocial   = "social_management"
	productSEO      = "seo_management"
	productAds      = "ads_management"
	productSite     = "site"
	productListings = "listings"
	productLogo     = "logo_design"
)

// ManagedSubscriptions is MANAGED_SUBSCRIPTIONS of the demo as an operator would set it: with site
// and listings, which make no points of contact.
func ManagedSubscriptions() []string {
	return []string{productSocial, productSEO, productAds, productSite, productListings}
}

// DashboardScopes is CLIENT_DASHBOARD_SCOPES of the demo.
func DashboardScopes() []string { return []string{"analytics", "posts", "reports"} }

// Places in the staff of our agency.
const (
	managerOfStaff    = 1
	strategistOfStaff = 2
	webOfStaff        = 3 // assigned to orders that do not count, and to no other
	auditorOfStaff    = 4
)

//go:embed logo.png
var harbourlight []byte

func agencyPlans() []agencyPlan { return []agencyPlan{ourAgency(), foreignAgency()} }

func ourAgency() agencyPlan {
	social := func(staff ...int) orderPlan { return orderPlan{productSocial, staff} }
	return agencyPlan{
		name: "Harbourlight Studio", domain: "harbourlight.example.com", customDomain: "clients.harbourlight.example.com",
		address: "4 Lantern Quay, Port Example", colour: "#b4571a", logo: harbourlight, row: 1, base: 1000, currency: "EUR",
		staff: []personPlan{
			{name: "Ilse Varga", role: "owner", owner: true},
			{name: "Tomas Brandl", role: "account manager"},
			{name: "Nadia Okafor", role: "strategist"},
			{name: "Yusuf Arslan", role: "web developer"},
			{name: "Pieter Lund", role: "auditor"},
			{name: "Greta Holm", role: "account manager", inactive: true},
		},
		clients: []clientPlan{
			{
				name: "Alder & Finch Bakery", trade: "bakery", address: "12 Rye Lane, Port Example", plan: "growth", price: 49_900,
				users:  []personPlan{{name: "Mara Finch", role: "owner", owner: true}, {name: "Jonas Alder", role: "marketing"}},
				orders: []orderPlan{social(managerOfStaff, strategistOfStaff), {productSite, []int{webOfStaff}}},
			},
			{
				name: "Alder & Finch Catering", trade: "catering", address: "14 Rye Lane, Port Example", plan: "starter", price: 24_900,
				users:  []personPlan{{name: "Lena Finch", role: "manager", owner: true}},
				orders: []orderPlan{social(managerOfStaff), {productListings, []int{webOfStaff}}},
			},
			{
				name: "Alder & Finch Kitchen Shop", trade: "kitchen", address: "16 Rye Lane, Port Example", plan: "starter", price: 24_900,
				users:  []personPlan{{name: "Oskar Finch", role: "manager", owner: true, reset: true}},
				orders: []orderPlan{{productAds, []int{strategistOfStaff}}},
			},
			{
				name: "Blue Heron Cycles", trade: "cycles", address: "3 Towpath Row, Port Example", plan: "growth", price: 54_900, renewed: true,
				users:  []personPlan{{name: "Ruth Calder", role: "owner", owner: true}, {name: "Ivo Maric", role: "marketing"}},
				orders: []orderPlan{social(managerOfStaff), {productSEO, []int{strategistOfStaff, managerOfStaff}}},
			},
			{
				name: "Blue Heron Bike Tours", trade: "tours", address: "5 Towpath Row, Port Example", plan: "starter", price: 24_900,
				users:  []personPlan{{name: "Sanna Koski", role: "manager", owner: true}},
				orders: []orderPlan{social(strategistOfStaff), {productLogo, []int{webOfStaff}}},
			},
			{
				name: "Copperleaf Dental Care", trade: "dental", address: "88 Orchard Way, Port Example", plan: "premium", price: 89_000,
				users: []personPlan{
					{name: "Dr. Amara Whitlock", role: "owner", owner: true}, {name: "Felix Grünwald", role: "reception", inactive: true},
				},
				orders: []orderPlan{{productSEO, []int{0}}},
			},
			{
				name: "Quillfeather Books", trade: "books", address: "1 Inkwell Yard, Port Example", plan: "partner", // price by agreement
				users:  []personPlan{{name: "Edda Quill", role: "owner", owner: true, noLogin: true}},
				orders: []orderPlan{social(managerOfStaff)},
			},
			{
				name: "Marrow Lane Garden Centre", trade: "garden", address: "40 Marrow Lane, Port Example", plan: "starter", price: 19_900, lapsed: true,
				users:  []personPlan{{name: "Hugo Pellew", role: "owner", owner: true}},
				orders: []orderPlan{{productListings, []int{webOfStaff}}}, // no point of contact
			},
		},
	}
}
