module github.com/kata-containers/libkatacg/tests/go-resources

go 1.24

require github.com/opencontainers/runtime-spec v1.3.0
