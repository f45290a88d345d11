package demo

import "github.com/ledgerboard/ledgerboard/domain"

// foreignAgency is there to be out of reach.
func foreignAgency() agencyPlan {
	return agencyPlan{
		name: "Saltmarsh Digital", domain: "saltmarsh.example.org",
		address: "9 Causeway Road, Example-on-Sea", row: 2, base: 9000, currency: "USD",
		staff: []personPlan{{name: "Bram Oosterveld", role: "owner", owner: true}},
		clients: []clientPlan{
			{
				name: "Pebble & Oar Rentals", trade: "boats", address: "2 Shingle Street, Example-on-Sea", plan: "basic", price: 30_000,
				users:    []personPlan{{name: "Carys Penhale", role: "owner", owner: true}},
				orders:   []orderPlan{{productSocial, []int{0}}},
				channels: []channelPlan{{domain.Facebook, 0}, {domain.TikTok, 0}},
			},
			{
				name: "Thistledown Yoga", trade: "yoga", address: "7 Meadow Court, Example-on-Sea", plan: "basic", price: 25_000,
				users:    []personPlan{{name: "Noor Haddad", role: "owner", owner: true}},
				orders:   []orderPlan{{productSocial, []int{0}}},
				channels: []channelPlan{{domain.LinkedIn, domain.LinkedInCompanyPage}},
			},
		},
	}
}
