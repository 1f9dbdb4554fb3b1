/* SPDX-License-Identifier: Apache-2.0 */
// A C++11 program that wraps handles in unique_ptr and turns failures into exceptions.
#include <katacg.h>

#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct HostFree {
    void operator()(katacg_host *host) const {
        katacg_host_free(host);
    }
};

// Returns a text of any length: asks for the length first, and then for the text.
template <typename Call> std::string text(Call call) {
    katacg_error err = KATACG_ERROR_INIT;
    int length = call(nullptr, 0, &err);
    if (length < 0)
        throw std::runtime_error(err.message);
    std::vector<char> buf(static_cast<size_t>(length) + 1);
    if (call(buf.data(), buf.size(), &err) != length)
        throw std::runtime_error(err.message);
    return std::string(buf.data());
}

std::string validate(const std::string &path, uint32_t flags) {
    return text([&](char *buf, size_t len, katacg_error *err) {
        return katacg_path_validate(path.c_str(), flags, buf, len, err);
    });
}

} // namespace

int main() {
    static const char mounts[] = "30 25 0:26 / /cg/cpu rw - cgroup cgroup rw,cpu\n";
    katacg_error err = KATACG_ERROR_INIT;
    katacg_host *raw = nullptr;

    if (katacg_host_parse(mounts, sizeof(mounts) - 1, "", 0, &raw, &err) < 0) {
        std::cerr << err.message << "\n";
        return 1;
    }
    std::unique_ptr<katacg_host, HostFree> host(raw);
    std::string mount = text([&](char *buf, size_t len, katacg_error *e) {
        return katacg_host_mountpoint(host.get(), "cpu", buf, len, e);
    });
    if (mount != "/cg/cpu" || validate("/a", 0) != "/kata_a")
        return 1;
    try {
        validate("/a", KATACG_PATH_SYSTEMD);
    } catch (const std::runtime_error &e) {
        return std::string(e.what()).find("malformed") == 0 ? 0 : 1;
    }
    return 1;
}
