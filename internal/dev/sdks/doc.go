// Package sdks lets the platforms' own SDKs read the simulator, so that others than its authors judge whether it
// speaks as the platforms do. Each SDK reads everything that our fetchers read, with its own ways of paging,
// encoding and decoding, and must find the figures that the simulator holds.
//
// Only tests live here. The programs in testdata take a configuration as JSON and print what they read as one JSON
// object. They know nothing of our clients.
//
// # Non-obvious
//
//   - The versions are pinned: requirements.txt, package-lock.json and pom.xml. restfb and Meta's SDK for Node call
//     v24.0 of the Graph API, the others v26.0.
//   - Meta's SDK for Node cannot prove that a call comes from the app, so it reads a simulator that demands no proof.
//   - LinkedIn's clients send a query of more than 4,000 characters as POST with X-HTTP-Method-Override: GET.
package sdks
