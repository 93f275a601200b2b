# Installs the build, then builds the embedding examples against it as a user would, and looks at what they print.
#   cmake -DBUILD=... -DSOURCE=... -DSCRATCH=... -DC_COMPILER=... -DCXX_COMPILER=... -P embed_test.cmake
# With the tools of the build itself: the machine need not have others.
function(run expected)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE output ERROR_VARIABLE errors RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN} ended with ${status}\n${output}\n${errors}")
  endif()
  if(NOT expected STREQUAL "" AND NOT output STREQUAL expected)
    message(FATAL_ERROR "${ARGN} printed\n${output}\nexpected\n${expected}")
  endif()
endfunction()

file(REMOVE_RECURSE "${SCRATCH}")
unset(ENV{DL_STDLIB}) # the installed library must find its own
run("" "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${SCRATCH}/installed")
foreach(example embed embed_c)
  run("" "${CMAKE_COMMAND}" -S "${SOURCE}/examples/${example}" -B "${SCRATCH}/${example}" "-DCMAKE_PREFIX_PATH=${SCRATCH}/installed"
    -G Ninja "-DCMAKE_C_COMPILER=${C_COMPILER}" "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}")
  run("" "${CMAKE_COMMAND}" --build "${SCRATCH}/${example}")
endforeach()
run("2\n4\n6\n" "${SCRATCH}/embed/hello")
run("w = 3.000, b = 0.500\nat 0.50: 2.000\n" "${SCRATCH}/embed/train")
run("class 0\nclass 1\nclass 1\nnorm 3.4641\n" "${SCRATCH}/embed_c/classify")
file(WRITE "${SCRATCH}/one.dl" "print(1 + 1)\n")
run("2\n" "${SCRATCH}/installed/bin/dl" "${SCRATCH}/one.dl")
