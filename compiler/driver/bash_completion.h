#pragma once

#include <string>

namespace CLI {
class App;
}

namespace dl::driver {

// A bash script that completes the command line which `app` describes.
std::string bashCompletion(const CLI::App &app);

} // namespace dl::driver
