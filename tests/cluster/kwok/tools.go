//go:build tools

// Package tools names kwok, so that go.mod and go.sum hold all it needs. It stands on older Kubernetes modules than the
// API server, so it is a module of its own.
package tools

import _ "sigs.k8s.io/kwok/cmd/kwok"
